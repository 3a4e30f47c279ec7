package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	gw "github.com/torrentcache/torrentcache/gen/gateway/torrentcache/v1"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"google.golang.org/grpc"
)

// admin serves /v1/admin/ as JSON.
type admin struct{ mux *runtime.ServeMux }

// NewAdmin returns the handler of /v1/admin/, for the admin listener only. Conn reaches the
// AdminService, and logger gets internal errors. Wrap the whole handler of that listener in an
// [http.CrossOriginProtection], so that no page in the operator's browser can call it, and in
// [front.Recover].
func NewAdmin(conn grpc.ClientConnInterface, logger *slog.Logger) (http.Handler, error) {
	a := &admin{newJSONMux(logger)}
	client := torrentcachev1.NewAdminServiceClient(conn)
	if err := gw.RegisterAdminServiceHandlerClient(context.Background(), a.mux, client); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return front.NewMux(
		front.Route{Pattern: "/v1/admin/stats", Get: a.forward("/v1/admin/stats"), Refuse: front.RefuseJSON},
		front.Route{Pattern: "/v1/admin/drain", Post: a.forward("/v1/admin/drain"), Refuse: front.RefuseJSON},
		front.Route{Pattern: "/v1/admin/torrents:remove", Post: a.forwardUpTo("/v1/admin/torrents:remove", listEnvelope), Refuse: front.RefuseJSON},
		front.Route{Pattern: "/v1/admin/torrents:restore", Post: a.forwardUpTo("/v1/admin/torrents:restore", listEnvelope), Refuse: front.RefuseJSON},
		front.Route{Pattern: "/v1/admin/torrents/{info_hash}:remove", Post: withID(a.change("remove")), Refuse: front.RefuseJSON},
		front.Route{Pattern: "/v1/admin/torrents/{info_hash}:restore", Post: withID(a.change("restore")), Refuse: front.RefuseJSON},
		front.Route{Pattern: "/...", Any: noSuchRoute},
	), nil
}

// change serves a call that changes one torrent.
func (a *admin) change(verb string) func(http.ResponseWriter, *http.Request, infohash.ID) {
	return func(w http.ResponseWriter, r *http.Request, id infohash.ID) {
		a.forward("/v1/admin/torrents/"+id.String()+":"+verb)(w, r)
	}
}

// listEnvelope bounds the body of a call for 1,000 info hashes, in bytes. An info hash has at most
// 66; the rest is for white space, escapes and two texts.
const listEnvelope = 256 << 10

// forward serves a call as a call of path.
func (a *admin) forward(path string) http.HandlerFunc { return a.forwardUpTo(path, envelope) }

// forwardUpTo is forward for bodies of at most limit bytes.
func (a *admin) forwardUpTo(path string, limit int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := requireJSON(r.Header); err != nil {
			httpx.WriteJSONError(w, err)
			return
		}
		serveJSON(a.mux, w, r, path, limit)
	}
}
