package gateway

import (
	"bytes"
	"context"
	"net/http"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Torrents gives torrents by their ids. It must be safe for concurrent use.
type Torrents interface {
	// GetTorrent returns what the RPC of this name answers, or its error. Nobody
	// changes what is returned.
	GetTorrent(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error)
}

// backend is the service itself as Torrents.
type backend struct {
	client torrentcachev1.CacheServiceClient
}

// GetTorrent implements [Torrents].
func (b backend) GetTorrent(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	return b.client.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: id.String()})
}

// files answers with torrents as they are.
type files struct {
	torrents Torrents
	maxAge   time.Duration
	private  func() bool
}

// serve answers a GET or HEAD with the torrent of id, for saving under a name
// made of title, or of the info hash if title is empty. Conditions and ranges
// of RFC 9110 are kept. If it returns an error it has written nothing.
func (f *files) serve(w http.ResponseWriter, r *http.Request, id infohash.ID, title string) *reason.Error {
	ctx, cancel := httpx.ReadContext(r)
	defer cancel()
	got, err := f.torrents.GetTorrent(ctx, id)
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
	h.Set("Cache-Control", f.cacheControl())
	h.Set("ETag", `"`+got.GetEtag()+`"`)
	http.ServeContent(w, r, "", updated, bytes.NewReader(got.GetTorrent()))
	return nil
}
