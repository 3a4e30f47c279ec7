package limit

import (
	"net"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// What a connection takes by itself, in bytes: its goroutines, buffers and TLS.
const (
	HTTPConnection = 32 << 10
	TLSConnection  = 64 << 10
	GRPCConnection = 192 << 10
)

// Listener returns inner with its connections counted, each of which takes that many bytes of
// the budget. Those over the limits are closed as soon as they are accepted. It is to be the
// innermost wrapper: TCP connections keep all they can do. What sendfile sends is not among
// what [Conn.Sent] counts; no answer that takes memory leaves by it.
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
		_ = c.Close() // nothing was said on it
	}
}

// connection counts c; nil if it is too many.
func (l *Limits) connection(c net.Conn, bytes int64) net.Conn {
	known := &Conn{limits: l, caller: Caller{Addr: origin.Peer(c.RemoteAddr().String())}, cut: func() { _ = c.Close() }}
	if !l.enterConnection(known, bytes) {
		return nil
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		known.cut = func() {
			_ = tcp.SetLinger(0)            // what waits in the system is dropped, too
			go func() { _ = tcp.Close() }() // it waits for a read from the disk within the socket's
		}
		return &tcpConn{TCPConn: tcp, known: known, peer: connAddr{c.RemoteAddr(), known}}
	}
	return &conn{Conn: c, known: known, peer: connAddr{c.RemoteAddr(), known}}
}

// enterConnection counts c and takes its memory, if it may be.
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
	if c.place = l.Hold(c.caller, Connecting, nil); !c.place.Try(bytes) {
		l.connections.leave(c.caller.block())
		l.refused[Connections].Add(1)
		return false
	}
	return true
}

// tcpConn is a TCP connection that is counted. By embedding it has all of it: sendfile,
// half closing, the descriptor.
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

// conn is any other connection.
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
