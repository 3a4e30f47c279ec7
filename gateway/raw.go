package gateway

import (
	"net/http"
	"strconv"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

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
	httpx.Reuse(torrent) // a call that succeeded is over, on the other side as well
	body, err := marshalJSON.Marshal(cached)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	writeUploadStatus(w, cached)
	_, _ = w.Write(body) // a client that left needs no answer
}

func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := reason.Of(err)
	httpx.LogInternal(r.Context(), a.log, e)
	httpx.WriteJSONError(w, e)
}

// writeUploadStatus writes the status line of an upload's answer: 201 and
// Location for a torrent that was not there before, else 200.
func writeUploadStatus(w http.ResponseWriter, cached *torrentcachev1.CacheTorrentResponse) {
	if id, err := infohash.Parse(cached.GetInfoHash()); err == nil {
		outcome.About(w, id)
	}
	w.Header().Set("Cache-Control", "no-store")
	if cached.GetOutcome() != torrentcachev1.Outcome_OUTCOME_CREATED {
		w.WriteHeader(http.StatusOK)
		return
	}
	w.Header().Set("Location", torrentsPath+"/"+cached.GetInfoHash())
	w.WriteHeader(http.StatusCreated)
}
