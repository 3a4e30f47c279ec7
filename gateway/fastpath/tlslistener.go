package fastpath

import (
	"cmp"
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// TLSListener is a [Listener] that speaks TLS. Use it with Serve of an [http.Server], not with
// ServeTLS. Its HTTP/1 connections answer plain downloads by themselves and tell the server their
// [tls.ConnectionState]. All others are *[tls.Conn], which the server knows how to serve. It is
// safe for concurrent use.
//
// Only the handshake shows which kind a connection is. So the listener does the handshake before
// the server sees the connection, each in a goroutine of its own: a client that does not finish
// delays no other. If a handshake fails, the server's own handshake fails in the same way: the
// server logs the error, and answers a client that speaks no TLS, as without this listener.
type TLSListener struct {
	*Listener
	config *tls.Config
	time   time.Duration // limit of a handshake; 0 is no limit
	log    *log.Logger

	begin   sync.Once
	ready   chan accepted
	closing context.Context // ends handshakes; ended by end
	end     context.CancelFunc
}

// accepted is the result of an Accept.
type accepted struct {
	conn net.Conn
	err  error
}

// NewTLS is [New] for connections over TLS, with the configuration srv.TLSConfig. As in net/http,
// the shortest of the server's timeouts bounds a handshake. The listener inner bounds how many
// handshakes run at a time.
func NewTLS(inner net.Listener, srv *http.Server, downloads *Downloads) *TLSListener {
	l := &TLSListener{
		Listener: New(inner, srv, downloads),
		config:   srv.TLSConfig.Clone(),
		log:      cmp.Or(srv.ErrorLog, log.Default()),
		ready:    make(chan accepted),
	}
	l.closing, l.end = context.WithCancel(context.Background())
	for _, t := range []time.Duration{srv.ReadHeaderTimeout, srv.ReadTimeout, srv.WriteTimeout} {
		if t > 0 && (l.time == 0 || t < l.time) {
			l.time = t
		}
	}
	return l
}

// Accept implements [net.Listener].
func (l *TLSListener) Accept() (net.Conn, error) {
	l.begin.Do(func() { go l.acceptAll() })
	select {
	case a := <-l.ready:
		return a.conn, a.err
	case <-l.closing.Done():
		return nil, net.ErrClosed
	}
}

// acceptAll begins a handshake on each new connection, until the listener is closed.
func (l *TLSListener) acceptAll() {
	for {
		c, err := l.Listener.Listener.Accept()
		if err == nil {
			go l.secure(c)
		} else if !l.deliver(nil, err) { // the server knows how long to wait before the next
			return
		}
	}
}

// deliver gives Accept its result. It reports whether an Accept took it.
func (l *TLSListener) deliver(c net.Conn, err error) bool {
	select {
	case l.ready <- accepted{c, err}:
		return true
	case <-l.closing.Done():
		return false
	}
}

// secure does the handshake of inner and delivers the resulting connection.
func (l *TLSListener) secure(inner net.Conn) {
	below := &joined{Conn: inner}
	c := tls.Server(below, l.config)
	defer func() {
		if v := recover(); v != nil { // from a callback in the configuration; net/http survives such a panic, too
			_ = c.Close()
			l.log.Printf("http: panic serving %v: %v\n%s", inner.RemoteAddr(), v, debug.Stack())
		}
	}()
	err := l.handshake(c)
	var out net.Conn = c
	if err == nil && isHTTP1(c.ConnectionState().NegotiatedProtocol) {
		out = &tlsConn{conn: l.wrap(c, below), tls: c}
	}
	if !l.deliver(out, nil) {
		_ = out.Close() // nobody is there to serve it
	}
}

// handshake does the handshake of c. Closing the listener ends it.
func (l *TLSListener) handshake(c *tls.Conn) error {
	if l.time > 0 {
		_ = c.SetDeadline(time.Now().Add(l.time)) // an error shows at the next read
		defer func() { _ = c.SetDeadline(time.Time{}) }()
	}
	return c.HandshakeContext(l.closing)
}

// isHTTP1 reports whether a connection is for HTTP/1, given the protocol that ALPN chose.
func isHTTP1(protocol string) bool {
	return slices.Contains([]string{"", "http/1.1", "http/1.0"}, protocol)
}

// Close implements [net.Listener]. Handshakes under way end.
func (l *TLSListener) Close() error {
	l.end()
	return l.Listener.Close()
}
