// Package adminhttp serves the operator's listener: probes, metrics, profiles, and AdminService as
// JSON and by gRPC. Only callers that reach the listener can use it; it is no part of the public
// side.
package adminhttp

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"slices"
	"strings"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Options configures the listener.
type Options struct {
	// Ready answers /readyz. Required.
	Ready http.HandlerFunc
	// Metrics answers /metrics. Required.
	Metrics http.Handler
	// API serves /v1/admin/, and GRPC the gRPC calls over HTTP/2 on the same port. Both are
	// nil at a gateway.
	API, GRPC http.Handler
	// Gate decides which callers may see profiles. Nil: all.
	Gate *access.Gate
	// Closed, unless empty, closes all paths but the probes and the metrics. It is the
	// message for callers: the reason and the remedy.
	Closed string
	// Hosts are further names of this server, beside its addresses, localhost and the name of
	// the machine.
	Hosts []string
	// Proxies are believed when they say which client a request is from.
	Proxies origin.Proxies
	// Logger gets panics. Required.
	Logger *slog.Logger
}

const index = `torrentcache, for the operator. Keep this port private.

/livez         the process runs
/readyz        it can serve
/metrics       for Prometheus
/debug/pprof/  profiles
/v1/admin/...  JSON of AdminService, on serve only; also by gRPC on this port
`

// New returns the handler of the listener. It is safe for concurrent use.
func New(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", lifecycle.Live)
	mux.HandleFunc("/readyz", o.Ready)
	mux.Handle("/metrics", o.Metrics)
	for path, handle := range map[string]http.HandlerFunc{
		"": pprof.Index, "cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
	} {
		mux.Handle("/debug/pprof/"+path, o.operatorOnly(handle))
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, index) // a client that left needs no answer
	})
	if o.API != nil {
		mux.Handle("/v1/admin/", o.API)
	}
	// A page that the operator's browser shows must not remove torrents.
	pages := http.NewCrossOriginProtection().Handler(front.Recover(o.Logger, refuse, o.unlessClosed(mux)))
	return o.withGRPC(o.Proxies.Handler(onlyFor(o.Hosts, pages)))
}

// refuse answers in JSON on the paths of the API, which programs call, and in text on all others.
func refuse(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		front.RefuseJSON(w, r, e)
		return
	}
	front.RefuseText(w, r, e)
}

// unlessClosed returns next, limited to the probes and the metrics if the listener is closed.
// It is not for gRPC calls: their own gate refuses them.
func (o *Options) unlessClosed(next http.Handler) http.Handler {
	if o.Closed == "" {
		return next
	}
	open := []string{"/metrics", "/livez", "/readyz"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(open, r.URL.Path) {
			refuse(w, r, reason.New(reason.PermissionDenied, "%s", o.Closed))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// operatorOnly returns next for callers that may make the operator's calls; it refuses others.
func (o *Options) operatorOnly(next http.Handler) http.Handler {
	if o.Gate == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := o.Gate.Decide(httpx.Credentials(r), torrentcachev1.AdminService_GetStats_FullMethodName); err != nil {
			httpx.WriteJSONError(w, reason.Of(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withGRPC returns a handler that gives gRPC calls to GRPC, if there is one, and the rest to
// next.
func (o *Options) withGRPC(next http.Handler) http.Handler {
	if o.GRPC == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			o.GRPC.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// onlyFor refuses requests for host names that this server does not have. Somebody else's web page
// may have its own name resolved to this machine's address (DNS rebinding); it would then be of
// the same origin as the admin listener. Addresses and localhost cannot be taken over in this way,
// nor can the machine's own name, which it resolves itself. Any other name without a dot can: a
// neighbour may answer for it by LLMNR, or a search domain may make it a name of somebody else.
// gRPC calls do not come from pages.
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
