package limit

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// Conn is the state of a connection in the limits. It is safe for concurrent use.
type Conn struct {
	limits *Limits
	caller Caller       // identified by the remote address
	place  *Reservation // the memory of the connection itself
	cut    func()       // ends the connection at once and discards unsent bytes
	once   sync.Once

	sent atomic.Int64 // bytes handed to the kernel

	// The fields below are guarded by limits.memory.mu.
	owed   int64                     // bytes of answers still to be sent
	marked time.Time                 // time of mark; zero while nothing is owed
	mark   int64                     // value of sent at that time
	slow   bool                      // too little was sent in the slowTime before mark
	lent   map[*Reservation]struct{} // reservations of answers that grpc's transport has
	gone   bool
}

// connAddr is a remote address that carries its Conn. It passes through all wrappers of a
// connection, including TLS and grpc.
type connAddr struct {
	net.Addr
	conn *Conn
}

// ConnOf returns the connection of addr, a RemoteAddr; nil if the connection is not counted.
func ConnOf(addr net.Addr) *Conn {
	if a, ok := addr.(connAddr); ok {
		return a.conn
	}
	return nil
}

// Reservation returns a Reservation for answers on c; nil if c is nil.
func (c *Conn) Reservation() *Reservation {
	if c == nil {
		return nil
	}
	return c.limits.Reservation(c.caller, Answering, c)
}

// Sent records n bytes handed to the kernel other than by the connection's own methods.
func (c *Conn) Sent(n int) {
	if c != nil {
		c.sent.Add(int64(n))
	}
}

// noted is the size of one write, in bytes. It is much less than a client must take in slowTime,
// so that progress shows in time during a long write. It is more than four TLS records, which
// the fast path writes together.
const noted = 128 << 10

// write writes p to the connection in parts, and records the bytes handed to the kernel.
func (c *Conn) write(to net.Conn, p []byte) (n int, err error) {
	for {
		m, err := to.Write(p[n:min(len(p), n+noted)])
		c.Sent(m)
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

// leave ends the count of c, and of its answers in grpc's transport, which does not report that
// they are gone.
func (c *Conn) leave() {
	c.once.Do(func() {
		c.limits.connections.leave(c.caller.block())
		c.place.Release()
		m := &c.limits.memory
		m.mu.Lock()
		defer m.mu.Unlock()
		for r := range c.lent {
			m.release(r)
		}
		c.lent, c.gone = nil, true
	})
}

// Lend records that grpc's transport now has the answer of r. Call the returned function when
// the transport has released it; that may be never if the connection ends.
func (r *Reservation) Lend() (letGo func()) {
	if r == nil || r.conn == nil {
		return r.Release
	}
	m := &r.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.conn.gone {
		m.release(r)
		return func() {}
	}
	if r.conn.lent == nil {
		r.conn.lent = map[*Reservation]struct{}{}
	}
	r.conn.lent[r] = struct{}{}
	return r.letGo
}

func (r *Reservation) letGo() {
	m := &r.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(r.conn.lent, r)
	m.release(r)
}

// Memory of a connection itself, in bytes: its goroutines, buffers and TLS.
const (
	HTTPConnection = 32 << 10
	TLSConnection  = 64 << 10
	GRPCConnection = 192 << 10
)

// Listener returns inner with its connections counted; each takes so many bytes of the budget.
// It closes connections over the limits as soon as it has accepted them. It must be the
// innermost wrapper, and keeps all abilities of TCP connections. [Conn.Sent] does not count
// bytes sent by sendfile; no answer that takes memory is sent that way.
func (l *Limits) Listener(inner net.Listener, bytes int64) net.Listener {
	return &listener{inner, l, bytes}
}

type listener struct {
	net.Listener
	limits *Limits
	bytes  int64 // of a connection
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if counted := l.limits.connection(c, l.bytes); counted != nil {
			return counted, nil
		}
		_ = c.Close() // nothing was sent on it
	}
}

// connection counts c; it returns nil if there are too many.
func (l *Limits) connection(c net.Conn, bytes int64) net.Conn {
	known := &Conn{limits: l, caller: Caller{Addr: origin.Peer(c.RemoteAddr().String())}, cut: func() { _ = c.Close() }}
	if !l.enterConnection(known, bytes) {
		return nil
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		known.cut = func() {
			_ = tcp.SetLinger(0)            // discard unsent bytes in the kernel, too
			go func() { _ = tcp.Close() }() // it waits for a read from the disk within the socket's
		}
		return &tcpConn{TCPConn: tcp, known: known, peer: connAddr{c.RemoteAddr(), known}}
	}
	return &conn{Conn: c, known: known, peer: connAddr{c.RemoteAddr(), known}}
}

// enterConnection counts c and takes its memory, if the limits permit.
func (l *Limits) enterConnection(c *Conn, bytes int64) bool {
	s := l.settings.Load()
	m := s.most(c.caller, s.Connections, s.ConnectionsPerAddress)
	if s.TrustedProxies.Contains(c.caller.Addr) {
		m.perAddress = 0
	}
	switch l.connections.enter(c.caller.block(), m) {
	case addressFull:
		l.refused[ConnectionsPerAddress].Add(1)
		return false
	case allFull:
		l.refused[Connections].Add(1)
		return false
	}
	if c.place = l.Reservation(c.caller, Connecting, nil); !c.place.Try(bytes) {
		l.connections.leave(c.caller.block())
		l.refused[Connections].Add(1)
		return false
	}
	return true
}

// tcpConn is a counted TCP connection. Embedding keeps all its abilities: sendfile, half
// closing, the descriptor.
type tcpConn struct {
	*net.TCPConn
	known *Conn
	peer  connAddr
}

// RemoteAddr implements [net.Conn]; see [ConnOf].
func (c *tcpConn) RemoteAddr() net.Addr { return c.peer }

// Write implements [net.Conn].
func (c *tcpConn) Write(p []byte) (int, error) { return c.known.write(c.TCPConn, p) }

// Close implements [net.Conn].
func (c *tcpConn) Close() error {
	c.known.leave()
	return c.TCPConn.Close()
}

// conn is any other counted connection.
type conn struct {
	net.Conn
	known *Conn
	peer  connAddr
}

// RemoteAddr implements [net.Conn]; see [ConnOf].
func (c *conn) RemoteAddr() net.Addr { return c.peer }

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) { return c.known.write(c.Conn, p) }

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.known.leave()
	return c.Conn.Close()
}
