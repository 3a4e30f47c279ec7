package adminhttp

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/torrentcache/torrentcache/internal/httpx"
)

// onlyFor refuses requests to names that this server does not have. A web page of
// somebody else may have its own name answered with this machine's address (DNS
// rebinding), and would be of the same origin as the admin listener then. Addresses
// and localhost cannot be taken over that way, nor names without a dot, which no
// public DNS has. gRPC does not come from pages.
func onlyFor(names []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOurs(r.Host, names) {
			httpx.WriteTextError(w, http.StatusMisdirectedRequest,
				"This listener does not answer to that name; --admin-hosts lists the ones it has.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isOurs reports whether a Host header names this server.
func isOurs(host string, names []string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") ||
		slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, host) })
}
