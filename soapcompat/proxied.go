package soapcompat

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// warnOfProxy logs, once in the life of h, that a WSDL may send the clients of a proxy astray.
// There is no public URL, and host is what the WSDL names. The line has no address in it: host
// may be anything.
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

// isReplaced reports whether host seems to be of a proxy's making: the request came by a
// proxy, which did not say what its client asked for, and host is private.
func isReplaced(r *http.Request, host string) bool {
	f, forwarded := origin.ForwardingOf(r)
	return forwarded && f.Host == "" && isPrivate(host)
}

// isPrivate reports whether host, perhaps with a port, is an address of this machine or of a
// private network, or a name without a dot, which no public DNS has.
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
