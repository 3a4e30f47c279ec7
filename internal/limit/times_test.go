package limit_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/certificate/certtest"
	"github.com/torrentcache/torrentcache/internal/limit"
)

const (
	request  = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	halfHead = "GET / HTTP/1.1\r\nHo"
)

// inTime runs a test of limits of time in a bubble, whose time passes while all wait: no
// machine is too slow for them.
func inTime(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// What ends a connection is counted under the limit that did it, once, and what the
// client ends is not.
func TestTimesOfConnections(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, c := range []struct {
			name, sent     string
			header, idle   time.Duration
			leave          bool // the client does
			headers, idles int64
		}{
			{name: "nothing comes", header: soonest, headers: 1},
			{name: "half a head", sent: halfHead, header: soonest, headers: 1},
			{name: "half the second head", sent: request + halfHead, header: soonest, headers: 1},
			{name: "nothing after a request", sent: request, idle: soonest, idles: 1},
			{name: "nothing after two", sent: request + request, idle: soonest, idles: 1},
			{name: "a slow body", sent: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"},
			{name: "the client leaves", leave: true},
			{name: "the client leaves in a head", sent: halfHead, leave: true},
			{name: "the client leaves when idle", sent: request, leave: true},
		} {
			inTime(t, fmt.Sprintf("%s, TLS %t", c.name, secure), func(t *testing.T) {
				s := newTimedServer(t, secure, c.header, c.idle)
				conn := s.dial(t)
				if _, err := io.WriteString(conn, c.sent); err != nil {
					t.Fatal(err)
				}
				if c.leave {
					conn.Close()
				} else if _, err := io.Copy(io.Discard, conn); err != nil {
					t.Fatal(err)
				}
				s.wantClosed(t, c.headers, c.idles)
			})
		}
	}
}

func TestIdleTimeOfHTTP2(t *testing.T) {
	for name, leave := range map[string]bool{"the server ends it": false, "the client leaves": true} {
		inTime(t, name, func(t *testing.T) {
			idle, idles := soonest, int64(1)
			if leave {
				idle, idles = time.Hour, 0
			}
			s := newTimedServer(t, true, 0, idle)
			client := &http.Client{Transport: &http.Transport{
				DialContext:       func(context.Context, string, string) (net.Conn, error) { return s.connect(), nil },
				TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
				ForceAttemptHTTP2: true,
			}}
			defer client.CloseIdleConnections()
			resp, err := client.Get("https://a/")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.ProtoMajor != 2 {
				t.Fatalf("%s, %v", resp.Proto, err)
			}
			resp.Body.Close()
			if leave {
				client.CloseIdleConnections()
			}
			s.wantClosed(t, 0, idles)
		})
	}
}

// downloads has an answer to every download.
type downloads struct{ answer *fastpath.Answer }

func (d downloads) Answer(infohash.ID) *fastpath.Answer                  { return d.answer }
func (d downloads) Load(infohash.ID, *fastpath.Scratch) *fastpath.Answer { return nil }

// The fast path over TLS answers what the server never hears of: it is idle in between.
func TestTimesUnderTheFastPathOverTLS(t *testing.T) {
	const download = "GET /torrent/0123456789ABCDEF0123456789ABCDEF01234567.torrent HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, c := range []struct {
		name, sent     string
		header, idle   time.Duration
		headers, idles int64
	}{
		{name: "nothing comes", header: soonest, headers: 1},
		{name: "half a head", sent: halfHead, header: soonest, headers: 1},
		{name: "nothing after a download", sent: download, idle: soonest, idles: 1},
		{name: "half a head after a download", sent: download + halfHead, header: soonest, headers: 1},
		{name: "nothing after a request", sent: request, idle: soonest, idles: 1},
		{name: "nothing after a request and a download", sent: request + download, idle: soonest, idles: 1},
		{name: "nothing after a download and a request", sent: download + request, idle: soonest, idles: 1},
	} {
		inTime(t, c.name, func(t *testing.T) {
			s := newFastServer(t, c.header, c.idle)
			conn := s.dial(t)
			for part := range strings.SplitAfterSeq(c.sent, "\r\n\r\n") {
				if _, err := io.WriteString(conn, part); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(part, "\r\n\r\n") {
					s.readAnswer(t, conn)
				}
			}
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Fatal(err)
			}
			s.wantClosed(t, c.headers, c.idles)
		})
	}
}

// newFastServer starts a server that answers downloads on the fast path, over TLS.
func newFastServer(t *testing.T, header, idle time.Duration) *timedServer {
	t.Helper()
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
	})
	s, srv := newServer(t, true, header, idle)
	srv.Handler = empty
	answer := fastpath.Capture(t.Context(), empty, infohash.ID{}, nil)
	l := fastpath.NewTLS(s.limits.Times(s.pipes, srv), srv, downloads{answer})
	go func() { _ = srv.Serve(l) }() // ErrServerClosed
	return s
}

// readAnswer reads one answer without a body.
func (s *timedServer) readAnswer(t *testing.T, conn net.Conn) {
	t.Helper()
	var answer []byte
	for one := make([]byte, 1); !bytes.HasSuffix(answer, []byte("\r\n\r\n")); answer = append(answer, one...) {
		if _, err := io.ReadFull(conn, one); err != nil {
			t.Fatal(err)
		}
	}
}

// soonest is a limit that a test waits for; 0 is none.
const soonest = 50 * time.Millisecond

// timedServer is a server whose connections are pipes in a bubble.
type timedServer struct {
	*pipes
	secure bool
	limits *limit.Limits
	closed chan struct{} // gets one for each connection that is
}

// newServer returns a server that does not serve yet, and ends with the test.
func newServer(t *testing.T, secure bool, header, idle time.Duration) (*timedServer, *http.Server) {
	t.Helper()
	s := &timedServer{
		pipes:  &pipes{conns: make(chan net.Conn), ended: make(chan struct{})},
		secure: secure, limits: limit.New(limit.Settings{}), closed: make(chan struct{}, 1),
	}
	srv := &http.Server{ReadHeaderTimeout: header, IdleTimeout: idle, ErrorLog: log.New(io.Discard, "", 0)}
	srv.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			s.closed <- struct{}{}
		}
	}
	if secure {
		// A pipe holds nothing: a ticket would wait for a client that writes first.
		srv.TLSConfig = &tls.Config{SessionTicketsDisabled: true,
			Certificates: []tls.Certificate{certtest.NewAuthority(t).Issue(t, "x").Pair(t)}}
	}
	t.Cleanup(func() { _ = srv.Close() })
	return s, srv
}

// newTimedServer starts a server that reads bodies, but not for long.
func newTimedServer(t *testing.T, secure bool, header, idle time.Duration) *timedServer {
	t.Helper()
	s, srv := newServer(t, secure, header, idle)
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(soonest))
		}
		_, _ = io.Copy(io.Discard, r.Body)
	})
	l := s.limits.Times(s.pipes, srv)
	go func() {
		if secure {
			_ = srv.ServeTLS(l, "", "") // ErrServerClosed
		} else {
			_ = srv.Serve(l)
		}
	}()
	return s
}

func (s *timedServer) dial(t *testing.T) net.Conn {
	t.Helper()
	c := s.connect()
	if s.secure {
		secured := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err := secured.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		c = secured
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// wantClosed waits for the end of the connection, and checks what was counted.
func (s *timedServer) wantClosed(t *testing.T, headers, idles int64) {
	t.Helper()
	<-s.closed
	refused := s.limits.Stats().Refused
	if refused["header_time"] != headers || refused["idle_time"] != idles || refused["body_time"] != 0 {
		t.Errorf("counted %v, want header_time %d and idle_time %d", refused, headers, idles)
	}
}

// pipes is a listener with connections in this process.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
	end   sync.Once
}

// connect returns the client's end of a new connection.
func (p *pipes) connect() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// Accept implements [net.Listener].
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (p *pipes) Close() error {
	p.end.Do(func() { close(p.ended) })
	return nil
}

// Addr implements [net.Listener].
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }
