package gateway

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	gw "github.com/torrentcache/torrentcache/gen/gateway/torrentcache/v1"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

const (
	// envelope is how many bytes a body may have besides the torrent.
	envelope = 64 << 10

	// maxFindBody bounds the list of hashes: 10,000 of the longest spelling.
	maxFindBody = 1 << 20

	torrentsPath = "/v1/torrents"
)

// api serves /v1/. The generated mux serves JSON. Raw torrents are served by hand, because inside
// that mux the answers and errors of a raw upload would be raw as well.
type api struct {
	client torrentcachev1.CacheServiceClient
	mux    *runtime.ServeMux
	files  *files
	log    *slog.Logger

	torrents torrentWriter

	maxTorrent int64 // bytes
	maxJSON    int64 // bytes of a JSON body that holds a torrent in base64
	tooLarge   func()
}

func newAPI(client torrentcachev1.CacheServiceClient, files *files, o Options) (*api, error) {
	mux := newJSONMux(o.Logger)
	if err := gw.RegisterCacheServiceHandlerClient(context.Background(), mux, client); err != nil {
		return nil, err
	}
	return &api{
		client:     client,
		mux:        mux,
		files:      files,
		log:        o.Logger,
		maxTorrent: o.MaxTorrentSize,
		tooLarge:   o.TooLarge,
		maxJSON:    o.MaxTorrentSize/3*4/32*33 + envelope, // PHP escapes each slash, one digit in 64
	}, nil
}

// routes are the paths below /v1/.
func (a *api) routes() []front.Route {
	const door = "api"
	return []front.Route{
		{Door: door, Pattern: torrentsPath, Post: a.upload, Sites: a.files.sites, Refuse: front.RefuseJSON},
		{Door: door, Pattern: torrentsPath + ":findMissing", Reads: true, Post: a.findMissing, Sites: a.files.sites, Refuse: front.RefuseJSON},
		{Door: door, Pattern: torrentsPath + "/{info_hash}", Reads: true, Get: withID(a.get), Sites: a.files.sites, Refuse: front.RefuseJSON},
		{Door: door, Pattern: torrentsPath + "/{info_hash}/info", Reads: true, Get: withID(a.describe), Sites: a.files.sites, Refuse: front.RefuseJSON},
		{Door: door, Pattern: "/v1/...", Any: noSuchRoute, Refuse: front.RefuseJSON},
	}
}

// withID returns a handler that gives the info hash in the path to handle.
func withID(handle func(http.ResponseWriter, *http.Request, infohash.ID)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, err := infohash.Parse(r.PathValue("info_hash"))
		if err != nil {
			httpx.WriteJSONError(w, reason.New(reason.HashMalformed, "%v", err))
			return
		}
		outcome.About(w, id)
		handle(w, r, id)
	}
}

func noSuchRoute(w http.ResponseWriter, _ *http.Request) { httpx.WriteJSONError(w, routeNotFound()) }

func routeNotFound() *reason.Error {
	return reason.New(reason.RouteNotFound, "no such path; GET /api/openapi.json lists the API's")
}

func (a *api) upload(w http.ResponseWriter, r *http.Request) {
	switch kind, err := uploadKind(r.Header); {
	case err != nil:
		httpx.WriteJSONError(w, err)
	case kind == rawTorrent:
		a.uploadRaw(w, r)
	default:
		a.uploadJSON(w, r)
	}
}

func (a *api) uploadJSON(w http.ResponseWriter, r *http.Request) {
	body, ok := a.readUpload(w, r, a.maxJSON)
	if !ok {
		return
	}
	body, err := inflateJSON(r.Context(), body, a.maxJSON)
	if err != nil {
		a.refuse(w, err)
		return
	}
	ctx, cancel := httpx.CallContext(r)
	defer cancel()
	serveJSONBody(ctx, a.mux, w, r, torrentsPath, body)
}

// readUpload reads the body of an upload, at most limit bytes. If it refuses the body, it answers
// the request and returns false.
func (a *api) readUpload(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, ok bool) {
	body, failed := httpx.ReadBody(w, r, limit)
	if failed != nil {
		a.refuse(w, failed)
	}
	return body, failed == nil
}

// refuse answers that a body is refused.
func (a *api) refuse(w http.ResponseWriter, e *reason.Error) {
	if e.Reason == reason.TorrentTooLarge {
		a.tooLarge()
	}
	httpx.WriteJSONError(w, e)
}

func (a *api) findMissing(w http.ResponseWriter, r *http.Request) {
	if err := requireJSON(r.Header); err != nil {
		httpx.WriteJSONError(w, err)
		return
	}
	serveJSON(a.mux, w, r, torrentsPath+":findMissing", maxFindBody)
}

func (a *api) describe(w http.ResponseWriter, r *http.Request, id infohash.ID) {
	serveJSON(a.mux, w, r, torrentsPath+"/"+id.String()+"/info", envelope)
}

func (a *api) get(w http.ResponseWriter, r *http.Request, id infohash.ID) {
	w.Header().Add("Vary", "Accept")
	if !prefersRaw(r.Header.Values("Accept")) {
		a.getJSON(w, r, id)
		return
	}
	if err := a.files.serve(w, r, id, "", a.files.maxAge); err != nil {
		httpx.LogInternal(r.Context(), a.log, err)
		httpx.WriteJSONError(w, err)
	}
}

// getJSON answers with a torrent as JSON, as the generated mux would, but in less time.
func (a *api) getJSON(w http.ResponseWriter, r *http.Request, id infohash.ID) {
	ctx, cancel := httpx.ReadContext(r)
	defer cancel()
	got, err := a.files.torrents.GetTorrent(ctx, id)
	if err == nil {
		err = ctx.Err() // encoding JSON takes longer than everything before it
	}
	if err == nil {
		err = a.torrents.write(ctx, w, got)
	}
	if err != nil {
		a.fail(w, r, err)
	}
}

// uploadRaw takes the torrent as the body itself; the answer is JSON.
func (a *api) uploadRaw(w http.ResponseWriter, r *http.Request) {
	torrent, ok := a.readUpload(w, r, a.maxTorrent)
	if !ok {
		return
	}
	ctx, cancel := httpx.CallContext(r)
	defer cancel()
	cached, err := a.client.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	httpx.Reuse(torrent) // after a call that succeeded the server no longer reads the request
	body, err := marshalJSON.Marshal(cached)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	httpx.Write(w, uploadStatus(w, cached), jsonType, body)
}

func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := reason.Of(err)
	httpx.LogInternal(r.Context(), a.log, e)
	httpx.WriteJSONError(w, e)
}

// uploadStatus returns the status of an upload's answer, and sets its header: 201 and
// Location for a torrent that was not there before, else 200.
func uploadStatus(w http.ResponseWriter, cached *torrentcachev1.CacheTorrentResponse) int {
	if id, err := infohash.Parse(cached.GetInfoHash()); err == nil {
		outcome.About(w, id)
	}
	w.Header().Set("Cache-Control", "no-store")
	if cached.GetOutcome() != torrentcachev1.Outcome_OUTCOME_CREATED {
		return http.StatusOK
	}
	w.Header().Set("Location", torrentsPath+"/"+cached.GetInfoHash())
	return http.StatusCreated
}
