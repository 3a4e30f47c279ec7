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
	// OnAnswer is told of each answer that was given here, by the goroutine of its connection,
	// whose next answer it holds up. Nil: nobody is. Set it before the first connection.
	OnAnswer func(Download)

	source Source
	clock  clock
	limits limits
	counts counts

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

type counts struct{ found, absent, bytes atomic.Int64 }

func (n *counts) add(found bool, bytes int64) {
	if found {
		n.found.Add(1)
	} else {
		n.absent.Add(1)
	}
	n.bytes.Add(bytes)
}

func (n *counts) stats() Stats {
	return Stats{Found: n.found.Load(), Absent: n.absent.Load(), Bytes: n.bytes.Load()}
}

// Stats is what a [Listener] or a [Handler] has answered by itself since it began.
type Stats struct {
	Found  int64 // answers 200
	Absent int64 // answers 404
	Bytes  int64 // sent, headers included
}

// New returns inner for srv.Serve, with the answers of source given on the fast
// path. It takes over the timeouts of srv as they are now and puts a hook before
// srv.ConnState, so set both before.
//
// IdleTimeout and ReadHeaderTimeout bound the fast path as they bound srv (an idle
// connection may live an eighth longer). Where there is a WriteTimeout, each 256 KiB of an
// answer may take that long and at most 30 s; so a slow reader of a large torrent is served,
// and one that has stopped is not waited for. Shutdown of srv lets answers in flight end,
// without waiting for them (see [Listener.Wait]), and closes idle connections.
//
// The memory of answers is counted for the connections that [limit.ConnOf] finds; of others
// nothing is counted.
func New(inner net.Listener, srv *http.Server, source Source) *Listener {
	l := &Listener{
		Listener: inner,
		source:   source,
		limits:   limits{idle: srv.IdleTimeout, header: srv.ReadHeaderTimeout, write: srv.WriteTimeout},
		open:     map[*conn]struct{}{},
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

// unwrap returns the conn inside c, nil if there is none. Listeners between this
// one and the server may wrap its connections in such as have NetConn, if they
// pass on exactly the requests that they read, however altered.
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

// wrap returns inner with its plain downloads answered. Below is what inner runs
// over, if that is TLS.
func (l *Listener) wrap(inner net.Conn, below *joined) *conn {
	c := &conn{Conn: inner, l: l, below: below, fast: true, fresh: true, interrupt: make(chan struct{}, 1)}
	c.known = limit.ConnOf(inner.RemoteAddr())
	c.hold, c.onFull = c.known.Hold(), c.full
	l.mu.Lock()
	l.open[c] = struct{}{}
	l.mu.Unlock()
	return c
}

// Close implements [net.Listener]. Connections that wait for a request on the
// fast path end; the server does not know that they are idle.
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

// Stats returns the counts until now.
func (l *Listener) Stats() Stats { return l.counts.stats() }

func (l *Listener) forget(c *conn) {
	l.mu.Lock()
	delete(l.open, c)
	l.mu.Unlock()
}
