package limit

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// Times returns inner for srv.Serve, with the connections counted that srv closes
// because a header took too long or no request came. It takes over the idle time
// of srv as it is now and puts a hook before srv.ConnState, so set both before.
//
// Something may answer requests in place of srv. If it is inside, its connections have
// Answered() bool: whether what the last Read waited for was another request. If it is
// outside, over TLS, it says so by AskIdle.
func (l *Limits) Times(inner net.Listener, srv *http.Server) net.Listener {
	idle, next := srv.IdleTimeout, srv.ConnState
	if idle == 0 {
		idle = srv.ReadTimeout // as documented in net/http
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if timed := timedIn(c); timed != nil {
			timed.changed(state, isHTTP2(c), idle)
		}
		if next != nil {
			next(c, state)
		}
	}
	return &timedListener{inner, l}
}

type timedListener struct {
	net.Listener
	limits *Limits
}

// Accept implements [net.Listener].
func (l *timedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &timedConn{Conn: c, limits: l.limits}, nil // its state is the zero one, StateNew
}

// timedConn tells by which limit a deadline ends it: net/http has no hook for that.
//
// In HTTP/1 it is a Read that fails. While a handler runs such a Read means
// something else: a body that is slow, or that net/http watches for the client's end.
// In HTTP/2, which has no limit for headers, the idle time is a timer's, and nothing
// but the time tells.
type timedConn struct {
	net.Conn
	limits *Limits
	state  atomic.Int32 // http.ConnState
	heard  atomic.Bool  // bytes, since it is idle
	timers atomic.Int32 // deadlines set since: the first is that of being idle, the next the header's
	ended  atomic.Bool  // by a limit that is counted; net/http may read again nevertheless
	idleAt atomic.Int64 // when it became so; Unix time in nanoseconds
	idle   func() bool  // whether a Read waits for another request that srv need not hear of; nil: it hears of all
}

// AskIdle makes c ask idle, from within Read, whether what is waited for is another
// request. Call it before the server has the connection.
func (c *timedConn) AskIdle(idle func() bool) { c.idle = idle }

// changed is called when the server says so.
func (c *timedConn) changed(state http.ConnState, http2 bool, idle time.Duration) {
	before := http.ConnState(c.state.Swap(int32(state)))
	switch {
	case state == http.StateIdle:
		c.heard.Store(false)
		c.timers.Store(0)
		c.idleAt.Store(time.Now().UnixNano())
	case http2 && state == http.StateClosed && before == http.StateIdle &&
		idle > 0 && time.Since(time.Unix(0, c.idleAt.Load())) >= idle: // who leaves does it before
		c.limits.refused[IdleTime].Add(1)
	}
}

// Read implements [net.Conn].
func (c *timedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(true)
	}
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		c.late()
	}
	return n, err
}

// late counts the limit by which a Read has failed.
func (c *timedConn) late() {
	state := http.ConnState(c.state.Load())
	if state != http.StateNew && state != http.StateIdle { // a handler runs
		return
	}
	if !c.ended.CompareAndSwap(false, true) {
		return
	}
	switch {
	case c.idle != nil && c.idle():
		c.limits.refused[IdleTime].Add(1)
	case !c.heard.Load() && (state == http.StateIdle && c.timers.Load() < 2 || state == http.StateNew && c.answered()):
		c.limits.refused[IdleTime].Add(1)
	default:
		c.limits.refused[HeaderTime].Add(1)
	}
}

// SetReadDeadline implements [net.Conn].
func (c *timedConn) SetReadDeadline(t time.Time) error {
	c.timers.Add(1)
	return c.Conn.SetReadDeadline(t)
}

// answered reports whether a request was answered that the server has not seen.
func (c *timedConn) answered() bool {
	inner, ok := c.Conn.(interface{ Answered() bool })
	return ok && inner.Answered()
}

// NetConn returns the connection that is timed.
func (c *timedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite lets net/http end an answer before it closes.
func (c *timedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// timedIn returns the timedConn inside c, nil if there is none.
func timedIn(c net.Conn) *timedConn {
	for {
		switch inner := c.(type) {
		case *timedConn:
			return inner
		case interface{ NetConn() net.Conn }:
			c = inner.NetConn()
		default:
			return nil
		}
	}
}

func isHTTP2(c net.Conn) bool {
	secured, ok := c.(*tls.Conn)
	return ok && secured.ConnectionState().NegotiatedProtocol == "h2"
}
