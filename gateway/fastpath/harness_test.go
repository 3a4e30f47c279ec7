package fastpath_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// patience bounds waits for events that surely come.
const patience = 60 * time.Second

// running is a server on a loopback port.
type running struct {
	*http.Server
	listener net.Listener
	fast     *fastpath.Downloads
	limits   *limit.Limits // of the connections; without bounds
	served   chan error
	client   *tls.Config // nil without TLS
}

// way is how a server is started, with TLS or without.
type way func(t *testing.T, srv *http.Server, gives answers) *running

func plainAndTLS(t *testing.T, test func(t *testing.T, start way)) {
	t.Helper()
	t.Run("plain", func(t *testing.T) { test(t, start) })
	t.Run("TLS", func(t *testing.T) { test(t, startTLS) })
}

// start serves handler with the fast path until the test ends.
func start(t *testing.T, srv *http.Server, gives answers) *running {
	t.Helper()
	r := &running{Server: srv, fast: of(gives), limits: limit.New(limit.Settings{})}
	r.listener = fastpath.New(r.limits.Listener(listen(t), 0), srv, r.fast)
	r.serve(t)
	return r
}

// startTLS is start for clients that speak TLS.
func startTLS(t *testing.T, srv *http.Server, gives answers) *running {
	t.Helper()
	r := &running{Server: srv, fast: of(gives), limits: limit.New(limit.Settings{})}
	srv.TLSConfig, r.client = secured(t, "http/1.1")
	srv.ConnContext = fastpath.ConnContext
	r.listener = fastpath.NewTLS(r.limits.Listener(listen(t), 0), srv, r.fast)
	r.serve(t)
	return r
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (r *running) serve(t *testing.T) {
	if r.Handler == nil {
		r.Handler = http.HandlerFunc(handler)
	}
	r.served = make(chan error, 1)
	go func() { r.served <- r.Serve(r.listener) }()
	t.Cleanup(func() { _ = r.Close() })
}

// patient is a connection with patience for each call.
type patient struct{ net.Conn }

// Read implements [net.Conn].
func (p patient) Read(b []byte) (int, error) {
	_ = p.Conn.SetReadDeadline(time.Now().Add(patience))
	return p.Conn.Read(b)
}

// Write implements [net.Conn].
func (p patient) Write(b []byte) (int, error) {
	_ = p.Conn.SetWriteDeadline(time.Now().Add(patience))
	return p.Conn.Write(b)
}

// CloseWrite closes the writing side of the connection.
func (p patient) CloseWrite() error { return p.Conn.(*net.TCPConn).CloseWrite() }

// client is one connection to a server.
type client struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

func (r *running) dial(t *testing.T) *client {
	t.Helper()
	c, err := net.Dial("tcp", r.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c = patient{c}
	if r.client != nil {
		c = tls.Client(c, r.client)
	}
	return &client{T: t, Conn: c, in: bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.Fatal(err)
	}
}

// answer reads one answer and returns its status and body.
func (c *client) answer() (int, []byte) {
	c.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	return resp.StatusCode, body
}

// wantAnswer fails the test unless the next answer is 200 with the content of id.
func (c *client) wantAnswer(id infohash.ID) {
	c.Helper()
	if status, body := c.answer(); status != http.StatusOK || !bytes.Equal(body, contents[id]) {
		c.Fatalf("got status %d and %d bytes, want the torrent %s", status, len(body), id)
	}
}

// wantEnd fails the test unless the server ends the connection without a word.
func (c *client) wantEnd() {
	c.Helper()
	if b, err := c.in.ReadByte(); err == nil {
		c.Fatalf("got byte %q, want the end of the connection", b)
	} else if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		c.Fatal("the connection stays open")
	}
}

// wantFound fails the test unless the fast path has given so many answers. They
// are counted after they were sent.
func (r *running) wantFound(t *testing.T, want int64) {
	t.Helper()
	become(t, want, "answers on the fast path", func() int64 { return r.fast.Stats().Found })
}

// wantMemory fails the test unless so many bytes come to be held.
func (r *running) wantMemory(t *testing.T, want int64) {
	t.Helper()
	become(t, want, "bytes are held", func() int64 { return r.limits.Stats().MemoryBytes })
}

// become waits until count returns want, and fails the test if it never does.
func become(t *testing.T, want int64, what string, count func() int64) {
	t.Helper()
	for begun := time.Now(); count() != want; time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatalf("%d %s, want %d", count(), what, want)
		}
	}
}
