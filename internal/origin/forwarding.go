package origin

import (
	"context"
	"net/http"
	"regexp"
	"strings"
)

// Forwarding is what the headers of a request tell of a proxy that it came by.
type Forwarding struct {
	// Believed is whether the request came straight from one of the proxies that are named.
	Believed bool
	// Scheme is http or https, and Host a host, perhaps with a port: what the client asked
	// for, by X-Forwarded-Proto and X-Forwarded-Host. Each is empty if it is not believed, or
	// not told by one well-formed value: of several the client may have sent the first.
	Scheme, Host string
}

type forwardingKey struct{}

// ForwardingOf returns what r's context tells (see [Proxies.Handler]); false if r has none of
// the headers by which proxies are known.
func ForwardingOf(r *http.Request) (Forwarding, bool) {
	f, ok := r.Context().Value(forwardingKey{}).(Forwarding)
	return f, ok
}

// Asked returns the scheme and the Host that the client sent r to: what a proxy tells that is
// believed, and else those of the connection and of r, whose Host may be anything, or empty.
// It never changes r.Host, by which a listener decides whom it answers.
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

// withForwarding returns r's context telling of its proxy, if its headers do.
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

// hostPattern is a name or an address, an IPv6 one in brackets, perhaps with a port.
var hostPattern = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// IsHost reports whether text is host or host:port and has nothing in it that means something
// to a shell or in a page.
func IsHost(text string) bool { return hostPattern.MatchString(text) }
