package origin

import (
	"context"
	"net"
	"net/http"
	"net/netip"
)

// Unknown is the address of a request that comes from who knows where.
var Unknown netip.Addr

// Local is the address of what comes from this machine by other ways than IP:
// calls within the process, Unix sockets.
var Local = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Proxies are the networks of proxies that are believed.
type Proxies Networks

// Client returns the address of the client whose request came from peer with
// these values of X-Forwarded-For and Forwarded. Each proxy adds the address that
// its own request came from at the end, so the list is read from its end, as long
// as the address before is one of the proxies.
//
// It is [Unknown] if a proxy does not say; if both headers are there and differ,
// for one of them is then what the client sent; and if a request from loopback
// has such a header although loopback is no proxy: there is one that the operator
// forgot to name, and its clients are not this machine.
func (p Proxies) Client(peer netip.Addr, forwardedFor, forwarded []string) netip.Addr {
	isForwarded := len(forwardedFor) > 0 || len(forwarded) > 0
	switch {
	case !isForwarded:
		return peer
	case !Networks(p).Contains(peer):
		if peer.IsLoopback() {
			return Unknown
		}
		return peer
	case len(forwarded) == 0:
		return p.walk(peer, forwardedForHops(forwardedFor))
	case len(forwardedFor) == 0:
		return p.walk(peer, forwardedHops(forwarded))
	}
	client := p.walk(peer, forwardedHops(forwarded))
	if client != p.walk(peer, forwardedForHops(forwardedFor)) {
		return Unknown
	}
	return client
}

// walk goes from peer back along the hops, the last of which is the nearest.
func (p Proxies) walk(peer netip.Addr, hops []netip.Addr) netip.Addr {
	at := peer
	for i := len(hops) - 1; i >= 0 && Networks(p).Contains(at); i-- {
		at = hops[i]
	}
	return at
}

// Handler returns next with the context of each request telling its client's
// address (see [FromContext]) and what it was asked for by (see [Asked]).
func (p Proxies) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := p.Client(Peer(r.RemoteAddr), r.Header["X-Forwarded-For"], r.Header["Forwarded"])
		next.ServeHTTP(w, r.WithContext(NewContext(p.withForwarding(r), client)))
	})
}

// Peer reads the address of the other end of a connection, as net gives it:
// host:port for IP, and then without zone, IPv4 always as such. Every other text
// is [Local]: a connection that has no IP address does not leave the machine.
func Peer(text string) netip.Addr {
	if addr, ok := parseAddr(text); ok {
		return addr
	}
	return Local
}

// PeerAddr is [Peer] of an address that need not be text first.
func PeerAddr(addr net.Addr) netip.Addr {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		if ip := tcp.AddrPort().Addr(); ip.IsValid() {
			return ip.Unmap().WithZone("")
		}
	}
	return Peer(addr.String())
}

// Block returns what one subscriber has: the address itself for IPv4, the /64
// network for IPv6 (RFC 6177 gives a site at least that). For [Unknown] it is the
// zero Prefix.
func Block(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	block, _ := addr.Prefix(bits) // the only error is that of Unknown
	return block
}

type contextKey struct{}

// NewContext returns ctx telling the client's address.
func NewContext(ctx context.Context, client netip.Addr) context.Context {
	return context.WithValue(ctx, contextKey{}, client)
}

// FromContext returns the client's address that ctx tells; [Unknown] if it tells
// none.
func FromContext(ctx context.Context) netip.Addr {
	client, _ := ctx.Value(contextKey{}).(netip.Addr)
	return client
}

// Text returns addr as it stands in X-Forwarded-For.
func Text(addr netip.Addr) string {
	if addr == Unknown {
		return "unknown" // RFC 7239, section 6.2; in X-Forwarded-For by custom
	}
	return addr.String()
}
