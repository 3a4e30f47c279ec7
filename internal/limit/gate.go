package limit

import (
	"net"
	"sync/atomic"
	"time"
)

const (
	// noteEach is after how many bytes from the network memory is looked at.
	noteEach = 4 << 20

	// heldAtMost is how long a connection is not read from, whatever happens.
	heldAtMost = 2 * time.Second
)

// gate holds up the reading of connections whose messages nobody can count before
// they are in memory.
type gate struct {
	held     atomic.Pointer[chan struct{}] // closed when reading goes on; nil while it does
	received atomic.Int64                  // bytes
	short    func() bool                   // whether memory may be short; nil if nobody can tell
	notes    chan struct{}                 // has one when it may be, and nobody has heard of it
}

// hold stops the reading until release.
func (g *gate) hold() {
	ch := make(chan struct{})
	g.held.CompareAndSwap(nil, &ch)
}

func (g *gate) release() {
	if ch := g.held.Swap(nil); ch != nil {
		close(*ch)
	}
}

// wait waits until reading goes on.
func (g *gate) wait() {
	ch := g.held.Load()
	if ch == nil {
		return
	}
	timer := time.NewTimer(heldAtMost)
	defer timer.Stop()
	select {
	case <-*ch:
	case <-timer.C:
	}
}

// count counts n bytes that were read, and looks at memory when they are many. It
// does so itself: by the time that somebody else did, many more would be here.
func (g *gate) count(n int) {
	now := g.received.Add(int64(n))
	if now/noteEach == (now-int64(n))/noteEach || g.short == nil || !g.short() {
		return
	}
	g.hold()
	select {
	case g.notes <- struct{}{}:
	default:
	}
}

// Gated returns inner with its connections not read from while memory may be short
// (see [Limits.Watch]). It goes around that of [Limits.Listener].
func (l *Limits) Gated(inner net.Listener) net.Listener { return &gatedListener{inner, &l.gate} }

type gatedListener struct {
	net.Listener
	gate *gate
}

// Accept implements [net.Listener].
func (l *gatedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &gatedConn{c, l.gate}, nil
}

type gatedConn struct {
	net.Conn
	gate *gate
}

// Read implements [net.Conn].
func (c *gatedConn) Read(p []byte) (int, error) {
	c.gate.wait()
	n, err := c.Conn.Read(p)
	c.gate.count(n)
	return n, err
}

// Watch makes gated connections ask short, while they read, whether memory may be
// short. If so none of them is read until [Limits.Press] has been told how it is;
// the channel asks for that. Call it before there are connections.
func (l *Limits) Watch(short func() bool) <-chan struct{} {
	l.gate.short = short
	return l.gate.notes
}
