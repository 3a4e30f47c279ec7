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

// TLSListener is a [Listener] that speaks TLS. Its connections are for Serve of an
// [http.Server], not ServeTLS: such as are for HTTP/1 answer plain downloads by
// themselves and tell the server their [tls.ConnectionState], all others are the
// *[tls.Conn] that it knows what to do with. It is safe for concurrent use.
//
// Which of the two a connection is shows only after its handshake. So that happens
// here, before the server hears of it, each in a goroutine of its own: a client that
// does not finish delays no other. What a handshake failed for the server is told by
// its own: it logs it, and answers who speaks no TLS, as ever.
type TLSListener struct {
	*Listener
	config *tls.Config
	time   time.Duration // of a handshake; 0 is no end
	log    *log.Logger

	begin   sync.Once
	ready   chan accepted
	closing context.Context // until which handshakes may take; ended by end
	end     context.CancelFunc
}

// accepted is what Accept returns.
type accepted struct {
	conn net.Conn
	err  error
}

// NewTLS is [New] for connections over TLS, as srv.TLSConfig says now. As in
// net/http the shortest of the server's timeouts bounds a handshake. How many go on
// at once inner bounds.
func NewTLS(inner net.Listener, srv *http.Server, source Source) *TLSListener {
	l := &TLSListener{
		Listener: New(inner, srv, source),
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

// acceptAll begins a handshake with all who come, until the listener is closed.
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

// deliver gives Accept what it returns. It reports whether somebody took it.
func (l *TLSListener) deliver(c net.Conn, err error) bool {
	select {
	case l.ready <- accepted{c, err}:
		return true
	case <-l.closing.Done():
		return false
	}
}

// secure does the handshake of inner and delivers what comes of it.
func (l *TLSListener) secure(inner net.Conn) {
	below := &joined{Conn: inner}
	c := tls.Server(below, l.config)
	defer func() {
		if v := recover(); v != nil { // a callback's in the configuration; net/http lives on after it, too
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

// handshake does that of c. When the listener closes it ends the connection.
func (l *TLSListener) handshake(c *tls.Conn) error {
	if l.time > 0 {
		_ = c.SetDeadline(time.Now().Add(l.time)) // an error shows at the next read
		defer func() { _ = c.SetDeadline(time.Time{}) }()
	}
	return c.HandshakeContext(l.closing)
}

// isHTTP1 reports whether a connection is for HTTP/1, given what was chosen by ALPN.
func isHTTP1(protocol string) bool {
	return slices.Contains([]string{"", "http/1.1", "http/1.0"}, protocol)
}

// Close implements [net.Listener]. Handshakes under way end.
func (l *TLSListener) Close() error {
	l.end()
	return l.Listener.Close()
}
