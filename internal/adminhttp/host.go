package adminhttp

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/torrentcache/torrentcache/internal/httpx"
)

// onlyFor refuses requests to names that this server does not have. A web page of
// somebody else may have its own name answered with this machine's address (DNS
// rebinding), and would be of the same origin as the admin listener then. Addresses
// and localhost cannot be taken over that way, nor the name of the machine, which it
// looks up in itself. Any other name without a dot can: a neighbour answers for it by LLMNR, or
// a search domain makes it one of somebody's. gRPC does not come from pages.
func onlyFor(names []string, next http.Handler) http.Handler {
	names = append(machineNames(), names...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOurs(r.Host, names) {
			httpx.WriteTextError(w, http.StatusMisdirectedRequest,
				"This listener does not answer to that name; --admin-hosts lists the ones it has, beside addresses, localhost and the machine's own name.\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// machineNames returns the name of the machine as it is set, and its first label.
func machineNames() []string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return nil
	}
	first, _, _ := strings.Cut(name, ".")
	return []string{name, first}
}

// isOurs reports whether a Host header names this server. Browsers always send one.
func isOurs(host string, names []string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, host) })
}
