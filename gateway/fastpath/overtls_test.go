package fastpath_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/internal/certificate/certtest"
)

// secured is the configuration of a server, and of clients that ask for these protocols.
func secured(t testing.TB, protocols ...string) (server, client *tls.Config) {
	t.Helper()
	authority := certificates.authority(t)
	server = &tls.Config{Certificates: []tls.Certificate{certificates.server}, NextProtos: []string{"h2", "http/1.1"}}
	return server, &tls.Config{RootCAs: authority.Pool(), ServerName: "127.0.0.1", NextProtos: protocols}
}

// certificates are made once; a key takes its time.
var certificates madeOnce

type madeOnce struct {
	once   sync.Once
	by     *certtest.Authority
	server tls.Certificate
}

func (m *madeOnce) authority(t testing.TB) *certtest.Authority {
	m.once.Do(func() {
		m.by = certtest.NewAuthority(t)
		m.server = m.by.Issue(t, "a server").Pair(t)
	})
	return m.by
}

// converseTLS plays the parts of input over TLS. It sends each part once the whole answer to the
// earlier parts is there; marks says how long that answer is. It returns the same results as
// converse.
func converseTLS(t *testing.T, input []byte, marks []int) ([]byte, fastpath.Stats) {
	t.Helper()
	forServer, forClient := secured(t, "http/1.1")
	srv := &http.Server{
		Handler: http.HandlerFunc(handler), ErrorLog: log.New(io.Discard, "", 0),
		ReadHeaderTimeout: time.Hour, IdleTimeout: time.Hour, TLSConfig: forServer,
	}
	near, far := net.Pipe()
	inner := &single{conns: make(chan net.Conn, 1), ended: make(chan struct{})}
	inner.conns <- far
	fast := of(ready)
	l := fastpath.NewTLS(inner, srv, fast)
	served := make(chan struct{})
	go func() {
		_ = srv.Serve(l) // ErrServerClosed
		close(served)
	}()
	_ = near.SetDeadline(time.Now().Add(patience))
	said := talk(tls.Client(near, forClient), input, marks)
	_ = srv.Close()
	<-served
	return dateLine.ReplaceAll(said, []byte("Date: now\r\n")), fast.Stats()
}

// talk sends the parts of input and returns all that comes back.
func talk(c *tls.Conn, input []byte, marks []int) []byte {
	heard := &hearing{}
	heard.changed.L = &heard.mu
	if err := c.Handshake(); err != nil {
		return []byte(err.Error())
	}
	go heard.listen(c)
	i := 0
	for _, part := range bytes.Split(input, separator) {
		if len(part) == 0 {
			continue
		}
		if i == len(marks) || !heard.wait(marks[i]) {
			break // the server hears no more
		}
		i++
		if _, err := c.Write(part); err != nil {
			break
		}
	}
	if i < len(marks) && heard.wait(marks[i]) {
		_ = c.CloseWrite() // the server may have ended
	}
	return heard.all()
}

// hearing holds the bytes that a client has heard.
type hearing struct {
	mu      sync.Mutex
	changed sync.Cond
	text    []byte
	ended   bool
}

func (h *hearing) listen(r io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		h.mu.Lock()
		h.text, h.ended = append(h.text, buf[:n]...), err != nil
		h.mu.Unlock()
		h.changed.Broadcast()
		if err != nil {
			return
		}
	}
}

// wait waits for n bytes; false if the end comes first.
func (h *hearing) wait(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.text) < n && !h.ended {
		h.changed.Wait()
	}
	return len(h.text) >= n
}

// all waits for the end.
func (h *hearing) all() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	for !h.ended {
		h.changed.Wait()
	}
	return h.text
}

// compareTLS fails the test unless the fast path over TLS gives the bytes that net/http
// gives without. It returns how many answers the fast path gave.
func compareTLS(t *testing.T, input []byte) int64 {
	t.Helper()
	want, marks := listenTo(input)
	got, stats := converseTLS(t, input, marks)
	if !bytes.Equal(got, want) {
		t.Errorf("for %q\nthe fast path over TLS sent %q\nnet/http sends              %q", input, got, want)
	}
	return stats.Found + stats.Absent
}

func TestConversationsOverTLS(t *testing.T) {
	for _, c := range conversations {
		t.Run(c.name, func(t *testing.T) {
			if fast := compareTLS(t, []byte(c.input)); fast != c.fast {
				t.Errorf("%d answers came from the fast path, want %d", fast, c.fast)
			}
		})
	}
}

func TestMutatedConversationsOverTLS(t *testing.T) {
	compareMutated(t, 300, rand.New(rand.NewPCG(3, 4)), compareTLS)
}

func FuzzOverTLS(f *testing.F) {
	for _, c := range conversations {
		f.Add([]byte(c.input))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) <= maxInput {
			compareTLS(t, input)
		}
	})
}
