package limit

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is what the limits know of a connection. It is safe for concurrent use.
type Conn struct {
	limits *Limits
	caller Caller // by the address of its other end
	place  *Hold  // the memory of the connection itself
	cut    func() // ends it at once, whatever waits to be sent
	once   sync.Once

	sent atomic.Int64 // bytes that the system took

	// What follows is guarded by limits.memory.mu.
	owed   int64              // bytes of answers that it has to send
	marked time.Time          // when sent was marked; zero while nothing is owed
	mark   int64              // sent at that moment
	slow   bool               // too little was sent in the slowTime before it
	lent   map[*Hold]struct{} // holds whose answers grpc's transport has
	gone   bool
}

// connAddr is the address of the other end of a connection, and says which that is: it
// comes through whatever wraps a connection, TLS and grpc included.
type connAddr struct {
	net.Addr
	conn *Conn
}

// ConnOf returns the connection of which addr, as RemoteAddr gave it, is the other end; nil
// if it is none that is counted.
func ConnOf(addr net.Addr) *Conn {
	if a, ok := addr.(connAddr); ok {
		return a.conn
	}
	return nil
}

// Hold returns a Hold for answers to the other end of c; nil if c is nil.
func (c *Conn) Hold() *Hold {
	if c == nil {
		return nil
	}
	return c.limits.Hold(c.caller, Answering, c)
}

// Sent notes that the system took n bytes that did not go through the connection's own
// methods.
func (c *Conn) Sent(n int) {
	if c != nil {
		c.sent.Add(int64(n))
	}
}

// noted is how much is written at a time, in bytes: much less than what a client must take in
// slowTime, so that a write that takes long shows in time what of it was taken; and more than
// four records of TLS, which the fast path writes together.
const noted = 128 << 10

// write writes p to the connection itself, part by part, and notes what the system took.
func (c *Conn) write(to net.Conn, p []byte) (n int, err error) {
	for {
		m, err := to.Write(p[n:min(len(p), n+noted)])
		c.Sent(m)
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

// leave ends the count of c. Answers that grpc's transport has are gone with it: it does
// not say so.
func (c *Conn) leave() {
	c.once.Do(func() {
		c.limits.connections.leave(c.caller.block())
		c.place.Release()
		m := &c.limits.memory
		m.mu.Lock()
		defer m.mu.Unlock()
		for h := range c.lent {
			m.release(h)
		}
		c.lent, c.gone = nil, true
	})
}

// Lend says that grpc's transport has from now on the answer that h is for. Call the
// returned function when it has let go of it; that may be never if the connection ends.
func (h *Hold) Lend() (letGo func()) {
	if h == nil || h.conn == nil {
		return h.Release
	}
	m := &h.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if h.conn.gone {
		m.release(h)
		return func() {}
	}
	if h.conn.lent == nil {
		h.conn.lent = map[*Hold]struct{}{}
	}
	h.conn.lent[h] = struct{}{}
	return h.letGo
}

func (h *Hold) letGo() {
	m := &h.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(h.conn.lent, h)
	m.release(h)
}
