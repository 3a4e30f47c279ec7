package fastpath

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// Source returns the answer to GET /torrent/ID.torrent, or nil if the http.Server has to answer.
// It is called for each plain download and must be safe for concurrent use. It may block as long
// as a read from the disk takes. If read is false, as for a HEAD, it answers from memory alone;
// such a request does not count as a read of the torrent.
//
// The memory of an answer in flight is counted either by reserved, before Source returns, or by the
// answer's own count. Source does not wait for memory: without memory it returns nil. The caller
// releases reserved when the answer has been sent, or at once if there is no answer.
type Source func(id infohash.ID, reserved *limit.Reservation, read bool) *Answer

// Answer is a whole HTTP response kept ready: everything but its status line, Date
// and Connection, which the listener writes. It never changes and is safe for
// concurrent use.
type Answer struct {
	found   bool   // 200, else 404
	header  []byte // lines with their CR LF, sorted as net/http sorts them
	body    []byte
	shared  *limit.Shared // counts the memory of the body; nil if the caller's Reservation counts it
	scratch *Scratch      // holds the body, for this answer alone; nil if no Scratch does
}

// Found returns an answer 200. The header is lines with their CR LF, as net/http sorts them,
// without Date and Connection. Nobody may change the body afterwards. Shared counts the memory of
// the body; if it is nil, the caller's Reservation does.
func Found(header, body []byte, shared *limit.Shared) *Answer {
	return &Answer{found: true, header: header, body: body, shared: shared}
}

// Capture asks h for the download of id by GET and keeps the answer, so that the fast path answers
// exactly as h does. It returns nil if the answer cannot be kept: its status is neither 200 nor
// 404, or it lacks a Content-Type or the right Content-Length. Nothing counts its memory.
//
// h must give every caller the same answer. It may use only ctx, the method and the path of the
// request.
func Capture(ctx context.Context, h http.Handler, id infohash.ID) *Answer {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/torrent/"+id.String()+".torrent", nil)
	if err != nil {
		return nil
	}
	r.RequestURI = r.URL.Path
	var rec recorder
	h.ServeHTTP(&rec, r)
	return rec.answer()
}

// Body returns the response's body, which nobody may change.
func (a *Answer) Body() []byte { return a.body }

// Header returns the lines of the response's header that [Capture] kept.
func (a *Answer) Header() string { return string(a.header) }

// recorder is an http.ResponseWriter that keeps a response as the fast path sends it.
type recorder struct {
	status      int
	header      http.Header
	lines, body bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *recorder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	if r.status != 0 || status < http.StatusOK {
		return
	}
	r.status = status
	_ = r.Header().Write(&r.lines) // a Buffer takes everything
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

func (r *recorder) answer() *Answer {
	if r.status != http.StatusOK && r.status != http.StatusNotFound {
		return nil
	}
	if r.header.Get("Content-Type") == "" || r.header.Get("Content-Length") != strconv.Itoa(r.body.Len()) {
		return nil
	}
	for _, name := range []string{"Date", "Connection", "Transfer-Encoding", "Trailer", "Upgrade"} {
		if _, set := r.header[name]; set {
			return nil // net/http treats these in its own way
		}
	}
	return &Answer{found: r.status == http.StatusOK, header: bytes.Clone(r.lines.Bytes()), body: bytes.Clone(r.body.Bytes())}
}

// ScratchSize is the size of a [Scratch], in bytes: nineteen torrents in twenty fit.
const ScratchSize = 128 << 10

// Scratch is memory for the body of one answer that is not kept. A connection of a [Listener]
// reuses it when the answer has been sent: without it, clearing and collecting new memory took a
// sixth of the time for torrents that are each read once from the disk.
type Scratch [ScratchSize]byte

var scratches = sync.Pool{New: func() any { return new(Scratch) }}

// NewScratch returns a Scratch with arbitrary content. A Scratch that is not used may be dropped.
func NewScratch() *Scratch { return scratches.Get().(*Scratch) }

// Bytes returns the first n bytes of s.
func (s *Scratch) Bytes(n int) []byte { return s[:n] }

// In notes that the body of a lies in s, which no other answer uses, and returns a. If s is nil,
// the body does not lie in a Scratch.
func (a *Answer) In(s *Scratch) *Answer {
	if a != nil {
		a.scratch = s
	}
	return a
}

// recycle makes the Scratch of a free again. Nothing may read the body of a afterwards.
func (a *Answer) recycle() {
	if a.scratch != nil {
		scratches.Put(a.scratch)
		a.scratch = nil
	}
}
