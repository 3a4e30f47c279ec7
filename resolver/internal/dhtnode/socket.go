package dhtnode

import (
	"errors"
	"net"
	"net/netip"

	"github.com/torrentcache/torrentcache/resolver/internal/bencode"
	"github.com/torrentcache/torrentcache/resolver/internal/reach"
)

// maxPacket is the size of the largest packet that is read, in bytes: no answer of a node that
// wants it to arrive is larger.
const maxPacket = 2 << 10

// socket is a socket for the DHT, by which nothing goes to an address that the rule does not
// allow, and nothing comes but answers: a node that only reads has no use for questions, and who
// asks must not become known by it.
type socket struct {
	net.PacketConn
	rule reach.Rule
}

// ReadFrom implements [net.PacketConn]. It fails when the socket is closed, and else never: the
// program would end.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.PacketConn.ReadFrom(b)
		switch {
		case errors.Is(err, net.ErrClosed):
			return 0, nil, err
		case err == nil && n <= maxPacket && s.allows(from) && isAnswer(b[:n]):
			return n, from, nil
		}
	}
}

// WriteTo implements [net.PacketConn].
func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	if !s.allows(to) {
		return 0, reach.ErrAddress
	}
	return s.PacketConn.WriteTo(b, to)
}

func (s *socket) allows(address net.Addr) bool {
	at, ok := address.(*net.UDPAddr)
	if !ok {
		return false
	}
	addr, ok := netip.AddrFromSlice(at.IP)
	return ok && at.Port != 0 && s.rule.Allows(addr)
}

// isAnswer reports whether a packet is an answer, or an error, of the protocol of the DHT.
func isAnswer(b []byte) bool {
	message, _, err := bencode.Cut(b)
	if err != nil {
		return false
	}
	kind, _ := bencode.String(bencode.Lookup(message, "y"))
	return string(kind) == "r" || string(kind) == "e"
}
