package fastpath_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// The torrents and absences that the tests' source has ready.
var (
	small  = id("0123456789ABCDEF0123456789ABCDEF01234567")
	large  = id("89ABCDEF0123456789ABCDEF0123456789ABCDEF")
	modern = id(strings.Repeat("0123456789abcdef", 4))
	absent = id(strings.Repeat("AB", 20))

	// notReady exists but is not in memory.
	notReady = id(strings.Repeat("CD", 20))
)

var contents = map[infohash.ID][]byte{
	small:    bytes.Repeat([]byte("d4:infoe"), 5),
	large:    bytes.Repeat([]byte("0123456789abcdef"), 2_000),
	modern:   []byte("d4:infod4:name1:aee"),
	notReady: []byte("de"),
}

func id(hash string) infohash.ID {
	id, err := infohash.Parse(hash)
	if err != nil {
		panic(err)
	}
	return id
}

// handler is the ordinary way. It answers a request that is no download with all that it understood
// of the request, so that two readings of one request differ.
func handler(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if name, ok := strings.CutPrefix(r.URL.Path, "/torrent/"); ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		download(w, r, name)
		return
	}
	body, err := io.ReadAll(r.Body)
	text := fmt.Sprintf("%s %s host=%q length=%d body=%q err=%v\n", r.Method, r.RequestURI, r.Host, r.ContentLength, body, err != nil)
	var lines []string
	for name, values := range r.Header {
		lines = append(lines, fmt.Sprintf("%s=%q\n", name, values))
	}
	slices.Sort(lines)
	text += strings.Join(lines, "")
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = io.WriteString(w, text)
}

func download(w http.ResponseWriter, r *http.Request, name string) {
	id, err := infohash.Parse(strings.TrimSuffix(name, ".torrent"))
	content, ok := contents[id]
	if err != nil || !ok {
		const text = "Not cached here.\n"
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, text)
		return
	}
	w.Header().Set("Content-Type", "application/x-bittorrent")
	w.Header().Set("ETag", `"0123456789abcdef"`)
	w.Header().Set("Content-Disposition", `attachment; filename="`+id.String()+`.torrent"; title=`+strconv.Quote(r.URL.Query().Get("title")))
	http.ServeContent(w, r, "", time.Unix(1_700_000_000, 0), bytes.NewReader(content))
}

// answers has a method that is a fastpath.Source.
type answers interface {
	answer(id infohash.ID, reserved *limit.Reservation, read bool) *fastpath.Answer
}

// source has the answers that were captured from handler.
type source map[infohash.ID]*fastpath.Answer

func (s source) answer(id infohash.ID, _ *limit.Reservation, _ bool) *fastpath.Answer { return s[id] }

var ready = func() source {
	s := source{}
	for _, id := range []infohash.ID{small, large, modern} {
		s[id] = captured(http.HandlerFunc(handler), id, limit.NewShared(int64(len(contents[id]))))
	}
	s[absent] = captured(http.HandlerFunc(handler), absent, nil)
	return s
}()

// captured returns the answer of h for id, counted by shared unless that is nil.
func captured(h http.Handler, id infohash.ID, shared *limit.Shared) *fastpath.Answer {
	a := fastpath.Capture(context.Background(), h, id)
	if shared == nil {
		return a
	}
	return fastpath.Found([]byte(a.Header()), a.Body(), shared)
}

// of returns the downloads that have these answers.
func of(s answers) *fastpath.Downloads { return &fastpath.Downloads{Source: s.answer} }

// script is a client whose every move is known beforehand: it sends the parts of
// input one by one, each when the server has nothing left to do but to read on,
// then no more. It keeps the bytes that the server sends.
type script struct {
	mu      sync.Mutex
	changed sync.Cond
	parts   [][]byte
	output  bytes.Buffer
	marks   []int // how long output was when each part was first read from, and the end found
	taken   int   // how many parts were left then
	cut     bool  // reads are to end now
	closed  bool
	done    chan struct{}
}

func newScript(parts ...[]byte) *script {
	s := &script{parts: parts, done: make(chan struct{})}
	s.changed.L = &s.mu
	return s
}

// Read implements [net.Conn]. net/http watches for the client's end by reading
// one byte while a handler runs; nothing comes then.
func (s *script) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) > 1 {
		for len(s.parts) > 0 && len(s.parts[0]) == 0 {
			s.parts = s.parts[1:]
		}
	}
	for len(p) == 1 && !s.cut && !s.closed && (len(s.parts) == 0 || len(s.parts[0]) == 0) {
		s.changed.Wait()
	}
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case s.cut:
		return 0, os.ErrDeadlineExceeded
	case len(s.parts) == 0:
		s.mark()
		return 0, io.EOF
	}
	s.mark()
	n := copy(p, s.parts[0])
	s.parts[0] = s.parts[0][n:]
	return n, nil
}

// mark notes how long output is, unless the part at hand was read from before.
func (s *script) mark() {
	if left := len(s.parts); len(s.marks) == 0 || left < s.taken {
		s.marks, s.taken = append(s.marks, s.output.Len()), left
	}
}

// Write implements [net.Conn].
func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	return s.output.Write(p)
}

// Close implements [net.Conn].
func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.done)
		s.changed.Broadcast()
	}
	return nil
}

// SetReadDeadline implements [net.Conn]; only a deadline long past does anything.
func (s *script) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = !t.IsZero() && t.Year() < 2000
	s.changed.Broadcast()
	return nil
}

func (s *script) SetDeadline(t time.Time) error    { return s.SetReadDeadline(t) }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// single is a listener for one connection.
type single struct {
	conns chan net.Conn
	ended chan struct{}
	end   sync.Once
}

func (l *single) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, errors.New("listener closed")
	}
}

func (l *single) Close() error {
	l.end.Do(func() { close(l.ended) })
	return nil
}

func (l *single) Addr() net.Addr { return &net.TCPAddr{} }
