package fastpath_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
)

// patience bounds waits for what surely comes.
const patience = 30 * time.Second

// running is a server on a loopback port.
type running struct {
	*http.Server
	listener interface {
		net.Listener
		Stats() fastpath.Stats
	}
	served chan error
	client *tls.Config // nil without TLS
}

// way is how a server is started, with TLS or without.
type way func(t *testing.T, srv *http.Server, answers fastpath.Source) *running

func plainAndTLS(t *testing.T, test func(t *testing.T, start way)) {
	t.Helper()
	t.Run("plain", func(t *testing.T) { test(t, start) })
	t.Run("TLS", func(t *testing.T) { test(t, startTLS) })
}

// start serves handler with the fast path until the test ends.
func start(t *testing.T, srv *http.Server, answers fastpath.Source) *running {
	t.Helper()
	r := &running{Server: srv, listener: fastpath.New(listen(t), srv, answers)}
	r.serve(t)
	return r
}

// startTLS is start for clients that speak TLS.
func startTLS(t *testing.T, srv *http.Server, answers fastpath.Source) *running {
	t.Helper()
	r := &running{Server: srv}
	srv.TLSConfig, r.client = secured(t, "http/1.1")
	r.listener = fastpath.NewTLS(listen(t), srv, answers)
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
	_ = c.SetDeadline(time.Now().Add(patience))
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

func TestHeadLargerThanTheBuffer(t *testing.T) { plainAndTLS(t, testHeadLargerThanTheBuffer) }

func testHeadLargerThanTheBuffer(t *testing.T, start way) {
	c := start(t, &http.Server{}, ready).dial(t)
	c.send(request("Cookie: " + strings.Repeat("x", 10_000)))
	c.wantAnswer(small)
	c.send(get)
	c.wantAnswer(small)
}

func TestUploadLargerThanTheBufferComesBack(t *testing.T) {
	plainAndTLS(t, testUploadLargerThanTheBufferComesBack)
}

func testUploadLargerThanTheBufferComesBack(t *testing.T, start way) {
	r := start(t, &http.Server{}, ready)
	c := r.dial(t)
	const size = 1 << 20
	c.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("x", size))
	if status, _ := c.answer(); status != http.StatusOK {
		t.Fatal(status)
	}
	c.send(get)
	c.wantAnswer(small)
	r.wantFound(t, 1)
}

// A request that comes before the answer to the one before is out does not cost
// the fast path: clients on fast lines often seem to do that.
func TestSentAheadOfAnAnswer(t *testing.T) { plainAndTLS(t, testSentAheadOfAnAnswer) }

func testSentAheadOfAnAnswer(t *testing.T, start way) {
	entered, leave := make(chan bool), make(chan bool)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			entered <- true
			<-leave
		}
		handler(w, r)
	})}
	r := start(t, srv, ready)
	c := r.dial(t)
	for range 10 {
		c.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
		<-entered
		c.send(get + get)
		leave <- true
		if _, body := c.answer(); !bytes.HasPrefix(body, []byte("GET /wait")) {
			t.Fatalf("first came %q", body)
		}
		c.wantAnswer(small)
		c.wantAnswer(small)
	}
	r.wantFound(t, 20)
}

func TestHandlerLearnsThatTheClientLeft(t *testing.T) {
	plainAndTLS(t, testHandlerLearnsThatTheClientLeft)
}

func testHandlerLearnsThatTheClientLeft(t *testing.T, start way) {
	entered, left := make(chan bool), make(chan error)
	srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		entered <- true
		<-r.Context().Done()
		left <- r.Context().Err()
	})}
	c := start(t, srv, ready).dial(t)
	c.send(other)
	<-entered
	_ = c.Close()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestHijackedConnection(t *testing.T) { plainAndTLS(t, testHijackedConnection) }

func testHijackedConnection(t *testing.T, start way) {
	entered := make(chan bool)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- true
		<-entered
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		line, err := rw.ReadString('\n')
		_, _ = io.WriteString(c, line)
		if err != nil {
			t.Error(err)
		}
	})}
	c := start(t, srv, ready).dial(t)
	c.send(other)
	<-entered
	c.send(get)
	entered <- true
	if line, err := c.in.ReadString('\n'); err != nil || !strings.HasPrefix(get, line) {
		t.Errorf("the hijacker got %q, %v", line, err)
	}
}

// wantFound fails the test unless the fast path has given so many answers. They
// are counted after they were sent.
func (r *running) wantFound(t *testing.T, want int64) {
	t.Helper()
	for begun := time.Now(); r.listener.Stats().Found != want; time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatalf("%d answers on the fast path, want %d", r.listener.Stats().Found, want)
		}
	}
}

func TestManyClientsAtOnce(t *testing.T) { plainAndTLS(t, testManyClientsAtOnce) }

func testManyClientsAtOnce(t *testing.T, start way) {
	r := start(t, &http.Server{IdleTimeout: time.Minute, WriteTimeout: time.Minute}, ready)
	const clients, rounds = 20, 50
	done := make(chan bool)
	for range clients {
		c := r.dial(t)
		go func() {
			defer func() { done <- true }()
			for i := range rounds {
				for _, ask := range []string{get, strings.Replace(get, smallPath, slowPath, 1), other} {
					c.send(ask)
					if status, _ := c.answer(); status != http.StatusOK {
						t.Errorf("round %d: status %d for %q", i, status, ask)
					}
				}
			}
		}()
	}
	for range clients {
		<-done
	}
	r.wantFound(t, clients*rounds)
}

// The end of a client's stream is seen though it comes in one piece with the last
// request, and nothing comes after it.
func TestLastRequestAndTheEndAtOnce(t *testing.T) { plainAndTLS(t, testLastRequestAndTheEndAtOnce) }

func testLastRequestAndTheEndAtOnce(t *testing.T, start way) {
	r := start(t, &http.Server{IdleTimeout: 10 * patience}, ready)
	for range 200 {
		c := r.dial(t)
		c.send(get)
		if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.wantAnswer(small)
		c.wantEnd()
	}
}

// Requests that come in any number of pieces and at any time are all answered.
func TestRequestsAtAnyTime(t *testing.T) { plainAndTLS(t, testRequestsAtAnyTime) }

func testRequestsAtAnyTime(t *testing.T, start way) {
	c := start(t, &http.Server{}, ready).dial(t)
	const requests = 2000
	go func() {
		for i := range requests {
			if i%7 == 0 {
				runtime.Gosched()
			}
			if _, err := io.WriteString(c.Conn, get); err != nil {
				return // the test says so
			}
		}
	}()
	for range requests {
		c.wantAnswer(small)
	}
}
