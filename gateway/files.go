package gateway

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// files answers with torrents as they are.
type files struct {
	client torrentcachev1.CacheServiceClient
	maxAge time.Duration
}

// serve answers a GET or HEAD with the torrent of id, for saving under a name
// made of title, or of the info hash if title is empty. Conditions and ranges
// of RFC 9110 are kept. If it returns an error it has written nothing.
func (f *files) serve(w http.ResponseWriter, r *http.Request, id infohash.ID, title string) *reason.Error {
	ctx, cancel := httpx.CallContext(r)
	defer cancel()
	got, err := f.client.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: id.String()})
	if err != nil {
		return reason.Of(err)
	}
	var updated time.Time // zero: ServeContent sends no Last-Modified
	if t := got.GetUpdateTime(); t != nil {
		updated = t.AsTime()
	}
	h := w.Header()
	h.Set("Content-Type", torrentType)
	h.Set("Content-Disposition", disposition(title, got.GetInfoHash()))
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(f.maxAge/time.Second)))
	h.Set("ETag", `"`+got.GetEtag()+`"`)
	http.ServeContent(w, r, "", updated, bytes.NewReader(got.GetTorrent()))
	return nil
}
