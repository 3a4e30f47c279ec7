// Package origin determines the address of the client of a request.
//
// Behind a proxy every connection comes from the proxy, which names the client in a header:
// X-Forwarded-For, or Forwarded (RFC 7239). Anyone can send such a header, so it is believed
// only from the proxies that the operator has named ([Proxies]), hop by hop. An address that is
// not certain is [Unknown], which no network contains: roles and exemptions by address do not
// apply to it, and all unknown clients share one budget.
//
// The same proxies are believed about the scheme and host that the client requested ([Asked]).
//
// The package is a leaf. Everything in it is safe for concurrent use.
package origin

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
)

// Unknown is the address of a request from an uncertain client.
var Unknown netip.Addr

// Local is the address of requests from this machine other than by IP: calls within the process,
// Unix sockets.
var Local = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Proxies are the networks of trusted proxies.
type Proxies Networks

// Client returns the address of the client whose request came from peer with these values of
// X-Forwarded-For and Forwarded. Each proxy appends the address that its own request came from.
// So Client reads the list from its end, as long as the previous address is a trusted proxy.
//
// It is [Unknown] in three cases: a proxy does not name the address; both headers are present
// and differ, since the client may have sent one of them; or a request from loopback has such a
// header although loopback is not a trusted proxy. In the last case the operator forgot to name
// a proxy, and its clients are not on this machine.
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

// walk goes back from peer along the hops, the last of which is the nearest.
func (p Proxies) walk(peer netip.Addr, hops []netip.Addr) netip.Addr {
	at := peer
	for i := len(hops) - 1; i >= 0 && Networks(p).Contains(at); i-- {
		at = hops[i]
	}
	return at
}

// Handler returns next with the client's address (see [FromContext]) and the requested scheme
// and host (see [Asked]) in the context of each request.
func (p Proxies) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := p.Client(Peer(r.RemoteAddr), r.Header["X-Forwarded-For"], r.Header["Forwarded"])
		next.ServeHTTP(w, r.WithContext(NewContext(p.withForwarding(r), client)))
	})
}

// Peer parses the remote address of a connection as net formats it. For IP that is host:port;
// the zone is dropped, and IPv4 is unmapped. Any other text gives [Local]: a connection without
// an IP address does not leave the machine.
func Peer(text string) netip.Addr {
	if addr, ok := parseAddr(text); ok {
		return addr
	}
	return Local
}

// PeerAddr is [Peer] without formatting the address as text.
func PeerAddr(addr net.Addr) netip.Addr {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		if ip := tcp.AddrPort().Addr(); ip.IsValid() {
			return ip.Unmap().WithZone("")
		}
	}
	return Peer(addr.String())
}

// Block returns the network of one subscriber: the address itself for IPv4, the /64 network for
// IPv6 (RFC 6177 gives a site at least that). For [Unknown] it is the zero Prefix.
func Block(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	block, _ := addr.Prefix(bits) // the only error is that of Unknown
	return block
}

type contextKey struct{}

// NewContext returns ctx with the client's address.
func NewContext(ctx context.Context, client netip.Addr) context.Context {
	return context.WithValue(ctx, contextKey{}, client)
}

// FromContext returns the client's address in ctx; [Unknown] if there is none.
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

// Forwarding is the information from a proxy in the headers of a request.
type Forwarding struct {
	// Believed is whether the request came straight from one of the proxies that are named.
	Believed bool
	// Scheme and Host are those that the client asked for, by X-Forwarded-Proto and
	// X-Forwarded-Host: http or https, and a host, perhaps with a port. Each is empty unless
	// Believed and its header has one well-formed value: the client may have sent the first
	// of several.
	Scheme, Host string
}

type forwardingKey struct{}

// ForwardingOf returns the Forwarding in r's context (see [Proxies.Handler]); false if r has no
// header of a proxy.
func ForwardingOf(r *http.Request) (Forwarding, bool) {
	f, ok := r.Context().Value(forwardingKey{}).(Forwarding)
	return f, ok
}

// Asked returns the scheme and the Host that the client requested: those named by a trusted
// proxy, or else those of the connection and of r, whose Host may be anything, or empty. It
// never changes r.Host, by which a listener decides which requests to answer.
func Asked(r *http.Request) (scheme, host string) {
	f, _ := ForwardingOf(r)
	scheme, host = f.Scheme, f.Host
	if host == "" {
		host = r.Host
	}
	switch {
	case scheme != "":
	case r.TLS != nil:
		scheme = "https"
	default:
		scheme = "http"
	}
	return scheme, host
}

// withForwarding returns r's context with the Forwarding in its headers, if any.
func (p Proxies) withForwarding(r *http.Request) context.Context {
	h := r.Header
	proto, host := h["X-Forwarded-Proto"], h["X-Forwarded-Host"]
	if len(proto)+len(host)+len(h["X-Forwarded-For"])+len(h["Forwarded"]) == 0 {
		return r.Context()
	}
	f := Forwarding{Believed: Networks(p).Contains(Peer(r.RemoteAddr))}
	if f.Believed && len(proto) == 1 {
		if scheme := strings.ToLower(proto[0]); scheme == "http" || scheme == "https" {
			f.Scheme = scheme
		}
	}
	if f.Believed && len(host) == 1 && IsHost(host[0]) {
		f.Host = host[0]
	}
	return context.WithValue(r.Context(), forwardingKey{}, f)
}

// hostPattern matches a name or an address, IPv6 in brackets, with an optional port.
var hostPattern = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// IsHost reports whether text is host or host:port, without characters that have a meaning in a
// shell or a page.
func IsHost(text string) bool { return hostPattern.MatchString(text) }
