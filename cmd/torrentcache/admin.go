package main

import (
	"io"
	"net/http"
	"net/http/pprof"
	"strings"

	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// adminCalls are the two ways to the operator's calls; a gateway has neither.
type adminCalls struct {
	network *grpc.Server             // over HTTP/2, on the same port
	local   grpc.ClientConnInterface // for JSON
}

const adminIndex = `torrentcache, for the operator. Keep this port private.

/livez         the process runs
/readyz        it can serve
/metrics       for Prometheus
/debug/pprof/  profiles
/v1/admin/...  JSON of AdminService, on serve only; also by gRPC on this port
`

// adminHandler returns what the admin listener serves.
func (h *house) adminHandler(calls adminCalls) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", lifecycle.Live)
	mux.HandleFunc("/readyz", h.ready.Ready)
	mux.Handle("/metrics", h.metrics.Handler())
	for path, handle := range map[string]http.HandlerFunc{
		"": pprof.Index, "cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
	} {
		mux.Handle("/debug/pprof/"+path, h.operatorOnly(handle))
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, adminIndex) // a client that left needs no answer
	})
	if calls.local != nil {
		api, err := gateway.NewAdmin(calls.local, h.logger)
		if err != nil {
			return nil, err
		}
		mux.Handle("/v1/admin/", api)
	}
	// A page that the operator's browser shows must not remove torrents.
	pages := http.NewCrossOriginProtection().Handler(front.Recover(h.logger, refuseOperator, mux))
	return withGRPC(calls.network, origin.Proxies(h.cfg.TrustedProxies).Handler(onlyFor(strings.Split(h.cfg.AdminHosts, ","), pages))), nil
}

// refuseOperator answers in the way of the path, for scripts call the API's.
func refuseOperator(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		front.RefuseJSON(w, r, e)
		return
	}
	front.RefuseText(w, r, e)
}

// withGRPC returns a handler that gives gRPC calls to s, if there is one, and
// the rest to next.
func withGRPC(s *grpc.Server, next http.Handler) http.Handler {
	if s == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			s.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
