package fastpath

import (
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
// here, before the server hears of it, each in a goroutine of its own: who does not
// finish holds up nobody. What a handshake failed for the server is told by its own:
// it logs it, and answers who speaks no TLS, as ever.
type TLSListener struct {
	*Listener
	config *tls.Config
	time   time.Duration // of a handshake; 0 is no end
	log    *log.Logger   // nil: the standard one

	begin  sync.Once
	ready  chan accepted
	closed chan struct{}

	mu      sync.Mutex
	pending map[net.Conn]struct{} // in their handshakes; nil once closed; guarded by mu
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
		log:      srv.ErrorLog,
		ready:    make(chan accepted),
		closed:   make(chan struct{}),
		pending:  map[net.Conn]struct{}{},
	}
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
	case <-l.closed:
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
	case <-l.closed:
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
			l.logf("http: panic serving %v: %v\n%s", inner.RemoteAddr(), v, debug.Stack())
		}
	}()
	if !l.note(inner) {
		_ = inner.Close() // nothing was said on it
		return
	}
	err := l.handshake(c, inner)
	var out net.Conn = c
	if err == nil && isHTTP1(c.ConnectionState().NegotiatedProtocol) {
		out = l.wrapTLS(c, below)
	}
	if !l.deliver(out, nil) {
		_ = out.Close() // nobody is there to serve it
	}
}

// handshake does that of c, over inner.
func (l *TLSListener) handshake(c *tls.Conn, inner net.Conn) error {
	defer l.done(inner)
	if l.time > 0 {
		_ = c.SetDeadline(time.Now().Add(l.time)) // an error shows at the next read
		defer func() { _ = c.SetDeadline(time.Time{}) }()
	}
	return c.Handshake()
}

// isHTTP1 reports whether a connection is for HTTP/1, given what was chosen by ALPN.
func isHTTP1(protocol string) bool {
	return slices.Contains([]string{"", "http/1.1", "http/1.0"}, protocol)
}

// wrapTLS returns c, over below, with its plain downloads answered.
func (l *TLSListener) wrapTLS(c *tls.Conn, below *joined) net.Conn {
	out := &tlsConn{conn: l.wrap(c, below), tls: c}
	if inner, ok := below.Conn.(interface{ AskIdle(idle func() bool) }); ok {
		inner.AskIdle(out.idle)
	}
	return out
}

// Close implements [net.Listener]. Handshakes under way end.
func (l *TLSListener) Close() error {
	l.mu.Lock()
	pending := l.pending
	if l.pending = nil; pending != nil {
		close(l.closed)
	}
	l.mu.Unlock()
	err := l.Listener.Close()
	for c := range pending {
		_ = c.Close() // it is given up
	}
	return err
}

// note remembers a connection whose handshake begins; false if the listener is closed.
func (l *TLSListener) note(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil {
		return false
	}
	l.pending[c] = struct{}{}
	return true
}

// done forgets a connection whose handshake has ended.
func (l *TLSListener) done(c net.Conn) {
	l.mu.Lock()
	delete(l.pending, c)
	l.mu.Unlock()
}

func (l *TLSListener) logf(format string, args ...any) {
	if l.log != nil {
		l.log.Printf(format, args...)
	} else {
		log.Printf(format, args...)
	}
}
