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
	"net/http/httptest"
	"strings"
	"testing"
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
			t.Run(fmt.Sprintf("%s, TLS %t", c.name, secure), func(t *testing.T) {
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
		t.Run(name, func(t *testing.T) {
			idle, idles := soonest, int64(1)
			if leave {
				idle, idles = time.Hour, 0
			}
			s := newTimedServer(t, true, 0, idle)
			client := s.Client()
			resp, err := client.Get(s.URL)
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
		t.Run(c.name, func(t *testing.T) {
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
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certtest.NewAuthority(t).Issue(t, "x").Pair(t)}}
	s := &timedServer{
		Server: &httptest.Server{Listener: inner, TLS: config},
		limits: limit.New(limit.Settings{}), closed: make(chan struct{}, 1),
	}
	srv := &http.Server{Handler: empty, TLSConfig: config, ReadHeaderTimeout: header, IdleTimeout: idle, ErrorLog: log.New(io.Discard, "", 0)}
	srv.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			s.closed <- struct{}{}
		}
	}
	answer := fastpath.Capture(t.Context(), empty, infohash.ID{}, nil)
	l := fastpath.NewTLS(s.limits.Times(inner, srv), srv, downloads{answer})
	go func() { _ = srv.Serve(l) }() // ErrServerClosed
	t.Cleanup(func() { _ = srv.Close() })
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

type timedServer struct {
	*httptest.Server
	limits *limit.Limits
	closed chan struct{} // gets one for each connection that is
}

// newTimedServer starts a server that reads bodies, but not for long.
func newTimedServer(t *testing.T, secure bool, header, idle time.Duration) *timedServer {
	t.Helper()
	s := &timedServer{limits: limit.New(limit.Settings{}), closed: make(chan struct{}, 1)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(soonest))
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	s.Config.ReadHeaderTimeout, s.Config.IdleTimeout = header, idle
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			s.closed <- struct{}{}
		}
	}
	s.Listener = s.limits.Times(s.Listener, s.Config)
	s.EnableHTTP2 = true
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *timedServer) dial(t *testing.T) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var c net.Conn
	var err error
	if s.TLS != nil && len(s.TLS.Certificates) > 0 {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}}
		c, err = d.DialContext(ctx, "tcp", s.Listener.Addr().String())
	} else {
		c, err = new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
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
