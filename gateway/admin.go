package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	gw "github.com/torrentcache/torrentcache/gen/gateway/torrentcache/v1"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
	"google.golang.org/grpc"
)

// admin serves /v1/admin/ as JSON.
type admin struct{ mux *runtime.ServeMux }

// NewAdmin returns the handler of /v1/admin/, for the admin listener only; conn
// reaches the AdminService, logger gets internal errors. Wrap what that listener serves in an
// [http.CrossOriginProtection], so that no page in the operator's browser can
// call it, and in [httpx.Recover].
func NewAdmin(conn grpc.ClientConnInterface, logger *slog.Logger) (http.Handler, error) {
	mux := newJSONMux(logger)
	client := torrentcachev1.NewAdminServiceClient(conn)
	if err := gw.RegisterAdminServiceHandlerClient(context.Background(), mux, client); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return &admin{mux}, nil
}

// ServeHTTP implements [http.Handler].
func (a *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	httpx.SetSecurityHeaders(w.Header())
	methods, err := a.route(r.URL.Path)
	if err != nil {
		httpx.WriteJSONError(w, err)
		return
	}
	serveJSONRoute(w, r, methods)
}

func (a *admin) route(path string) (httpx.Methods, *reason.Error) {
	switch path {
	case "/v1/admin/stats":
		return httpx.Methods{Get: a.forward(path)}, nil
	case "/v1/admin/drain":
		return httpx.Methods{Post: a.forward(path)}, nil
	}
	rest, ok := strings.CutPrefix(path, "/v1/admin/torrents/")
	hash, verb, hasVerb := strings.Cut(rest, ":")
	if !ok || !hasVerb || (verb != "remove" && verb != "restore") {
		return httpx.Methods{}, reason.New(reason.RouteNotFound, "no such path")
	}
	id, err := infohash.Parse(hash)
	if err != nil {
		return httpx.Methods{}, reason.New(reason.HashMalformed, "%v", err)
	}
	return httpx.Methods{Post: a.forward("/v1/admin/torrents/" + id.String() + ":" + verb)}, nil
}

func (a *admin) forward(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := requireJSON(r.Header); err != nil {
			httpx.WriteJSONError(w, err)
			return
		}
		serveJSON(a.mux, w, r, path, envelope)
	}
}
