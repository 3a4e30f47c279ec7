package limit

import (
	"net"
	"net/netip"
	"sync"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// Listener returns inner with its connections counted, those over the limits
// closed as soon as they are accepted. It is to be the innermost wrapper:
// TCP connections keep all they can do.
func (l *Limits) Listener(inner net.Listener) net.Listener { return &listener{inner, l} }

type listener struct {
	net.Listener
	limits *Limits
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if counted := l.limits.connection(c); counted != nil {
			return counted, nil
		}
		_ = c.Close() // nothing was said on it
	}
}

// connection counts c; nil if it is too many.
func (l *Limits) connection(c net.Conn) net.Conn {
	s := l.settings.Load()
	from := Caller{Addr: origin.Peer(c.RemoteAddr().String())}
	m := s.most(from, s.Connections, s.ConnectionsPerAddress)
	if s.TrustedProxies.Contains(from.Addr) {
		m.perAddress = 0
	}
	switch l.connections.enter(from.block(), m) {
	case addressFull:
		l.refused[ConnectionsPerAddress].Add(1)
		return nil
	case allFull:
		l.refused[Connections].Add(1)
		return nil
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		return &tcpConn{TCPConn: tcp, place: place{limits: l, block: from.block()}}
	}
	return &conn{Conn: c, place: place{limits: l, block: from.block()}}
}

// place is the place of a connection in the count, until it is closed.
type place struct {
	limits *Limits
	block  netip.Prefix
	once   sync.Once
}

func (p *place) leave() { p.once.Do(func() { p.limits.connections.leave(p.block) }) }

// tcpConn is a TCP connection that is counted. By embedding it has all of it:
// sendfile, writev, half closing, the descriptor.
type tcpConn struct {
	*net.TCPConn
	place place
}

// Close implements [net.Conn].
func (c *tcpConn) Close() error {
	c.place.leave()
	return c.TCPConn.Close()
}

// conn is any other connection.
type conn struct {
	net.Conn
	place place
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.place.leave()
	return c.Conn.Close()
}
