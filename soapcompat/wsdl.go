package soapcompat

import (
	_ "embed"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// The WSDLs, complete but for the address: they name placeholderURL. The Go
// types in gen/soap are generated from the second.
var (
	//go:embed torrage.wsdl
	legacyWSDL string
	//go:embed cache.wsdl
	literalWSDL string
)

const placeholderURL = "http://localhost:8080"

// wsdl serves a WSDL that sends calls to the address at which the client asked for it.
func (h *Handler) wsdl(b binding) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body := strings.Replace(b.wsdl, placeholderURL, escape(h.baseURL(r)), 1)
		writeSOAP(w, soap11, http.StatusOK, body)
	}
}

// baseURL returns the address to which r was sent: the scheme of r, since a script that came by
// http may not speak our TLS, and its Host. If there is no Host (HTTP/1.0), or a proxy seems to
// have replaced it, baseURL uses the public URL; without a public URL, the Host as it is, or else
// the address on which the connection came in. A key in the path stays in the address.
func (h *Handler) baseURL(r *http.Request) string {
	return h.hostURL(r) + front.Prefix(r)
}

func (h *Handler) hostURL(r *http.Request) string {
	scheme, host := origin.Asked(r)
	if public := h.site.PublicURL(); public != "" {
		if host == "" || isReplaced(r, host) {
			return public
		}
		return scheme + "://" + host
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && host == "" {
		host = local.String()
	}
	h.warnOfProxy(r, host)
	return scheme + "://" + host
}

// warnOfProxy logs, once in the life of h, that a WSDL may send the clients of a proxy to the wrong
// address. There is no public URL, and the WSDL names host. The line contains no address, because
// host may be anything.
func (h *Handler) warnOfProxy(r *http.Request, host string) {
	var text string
	f, _ := origin.ForwardingOf(r)
	switch {
	case isReplaced(r, host):
		text = "a proxy asked for a WSDL with a Host of this machine or of a private network, which its clients may not reach: " +
			"have it pass Host as it came, or name it in --trusted-proxies and have it set X-Forwarded-Host; or set --public-url"
	case !f.Believed && len(r.Header["X-Forwarded-Proto"]) > 0:
		text = "X-Forwarded-Proto did not count for a WSDL, because --trusted-proxies does not name the address that sent it: " +
			"if that is a proxy of yours, name it there, or the WSDL sends its clients to the scheme of its own connections"
	default:
		return
	}
	h.warned.Do(func() { h.log.WarnContext(r.Context(), text) })
}

// isReplaced reports whether a proxy seems to have replaced host: the request came by a proxy that
// did not say which host its client asked for, and host is private.
func isReplaced(r *http.Request, host string) bool {
	f, forwarded := origin.ForwardingOf(r)
	return forwarded && f.Host == "" && isPrivate(host)
}

// isPrivate reports whether host, with or without a port, is an address of this machine or of a
// private network, or a name without a dot, which the public DNS does not have.
func isPrivate(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified()
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") // RFC 6761, section 6.3
}
