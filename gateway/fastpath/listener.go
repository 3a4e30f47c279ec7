package fastpath

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/internal/limit"
)

// Listener is a [net.Listener] for an [http.Server], whose connections answer
// plain downloads by themselves. It is safe for concurrent use.
type Listener struct {
	net.Listener
	downloads *Downloads
	limits    limits

	draining atomic.Bool
	mu       sync.Mutex
	open     map[*conn]struct{} // guarded by mu
}

// limits are the server's timeouts; 0 is none.
type limits struct {
	idle   time.Duration // between two requests
	header time.Duration // from the first byte of a head to its end
	write  time.Duration // for each part of an answer
}

// New returns a listener for srv.Serve that answers the plain downloads of inner's connections. It
// takes over the timeouts of srv and puts a hook before srv.ConnState, so set both before.
//
// IdleTimeout and ReadHeaderTimeout bound the fast path as they bound srv (an idle connection may
// live an eighth longer). With a WriteTimeout, each 256 KiB of an answer may take that long, but
// at most 30 s: a slow reader of a large torrent is served, and one that has stopped is dropped.
// Shutdown of srv does not wait for answers in flight (see [Listener.Wait]), and closes idle
// connections.
//
// The memory of answers is counted for the connections that [limit.ConnOf] knows, and for no
// others.
func New(inner net.Listener, srv *http.Server, downloads *Downloads) *Listener {
	l := &Listener{
		Listener:  inner,
		downloads: downloads,
		limits:    limits{idle: srv.IdleTimeout, header: srv.ReadHeaderTimeout, write: srv.WriteTimeout},
		open:      map[*conn]struct{}{},
	}
	// As documented in net/http.
	if l.limits.idle == 0 {
		l.limits.idle = srv.ReadTimeout
	}
	if l.limits.header == 0 {
		l.limits.header = srv.ReadTimeout
	}
	l.limits.write = min(l.limits.write, sliceTime)
	next := srv.ConnState
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if c := unwrap(c); c != nil {
			c.changed(state)
		}
		if next != nil {
			next(c, state)
		}
	}
	return l
}

// unwrap returns the conn inside c, nil if there is none. A listener between this one and the
// server may wrap its connections if the wrapper has NetConn and passes on exactly the requests
// that it reads, even if it alters them.
func unwrap(c net.Conn) *conn {
	for {
		switch inner := c.(type) {
		case *conn:
			return inner
		case *tlsConn:
			return inner.conn
		case interface{ NetConn() net.Conn }:
			c = inner.NetConn()
		default:
			return nil
		}
	}
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := l.wrap(inner, nil)
	c.socket = newSocket(inner)
	return c, nil
}

// wrap returns a conn that answers the plain downloads of inner. Below is the connection below
// inner, if inner is TLS.
func (l *Listener) wrap(inner net.Conn, below *joined) *conn {
	c := &conn{Conn: inner, l: l, below: below, fast: true, fresh: true, interrupt: make(chan struct{}, 1)}
	c.known = limit.ConnOf(inner.RemoteAddr())
	c.reserved, c.onFull = c.known.Reservation(), c.full
	l.mu.Lock()
	l.open[c] = struct{}{}
	l.mu.Unlock()
	return c
}

// Close implements [net.Listener]. It also ends connections that wait for a request on the fast
// path, because the server does not know that they are idle.
func (l *Listener) Close() error {
	l.draining.Store(true)
	err := l.Listener.Close()
	l.mu.Lock()
	waiting := make([]*conn, 0, len(l.open))
	for c := range l.open {
		waiting = append(waiting, c)
	}
	l.mu.Unlock()
	for _, c := range waiting {
		c.closeIfWaiting()
	}
	return err
}

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	delete(l.open, c)
	l.mu.Unlock()
}
