package dhtnode

import (
	"errors"
	"net"
	"net/netip"

	"github.com/torrentcache/torrentcache/resolver/internal/bencode"
	"github.com/torrentcache/torrentcache/resolver/internal/reach"
)

// maxPacket is the maximum size of a packet that is read, in bytes. A larger answer would rarely
// arrive, so nodes send none.
const maxPacket = 2 << 10

// socket is a UDP socket for the DHT. It sends nothing to an address that the rule does not
// allow, and receives only answers. A read-only node has no use for queries, and must not add
// nodes that query it to its routing table.
type socket struct {
	net.PacketConn
	rule reach.Rule
}

// ReadFrom implements [net.PacketConn]. It fails only when the socket is closed, because the
// DHT's package would end the program on any other error.
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

// isAnswer reports whether a packet is a response or an error of the DHT protocol (BEP 5).
func isAnswer(b []byte) bool {
	message, _, err := bencode.Cut(b)
	if err != nil {
		return false
	}
	kind, _ := bencode.String(bencode.Lookup(message, "y"))
	return string(kind) == "r" || string(kind) == "e"
}
