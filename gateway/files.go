package gateway

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
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
	missing  time.Duration // how long caches may keep that there is no torrent
	private  func() bool
	sites    *front.Sites
}

// serve answers a GET or HEAD with the torrent of id, for saving under a name
// made of title, or of the info hash if title is empty. Caches may keep it for maxAge.
// Conditions and ranges of RFC 9110 are kept. If it returns an error it has written nothing.
func (f *files) serve(w http.ResponseWriter, r *http.Request, id infohash.ID, title string, maxAge time.Duration) *reason.Error {
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
	h.Set("Cache-Control", f.cacheControl(maxAge))
	h.Set("ETag", `"`+got.GetEtag()+`"`)
	mendRange(r.Header)
	http.ServeContent(w, r, "", updated, bytes.NewReader(got.GetTorrent()))
	return nil
}

// mendRange leaves of a Range header what net/http reads as it is meant: the name of the unit
// knows no letter case, and a unit that nobody knows is as good as none (RFC 9110, sections
// 14.1 and 14.2).
func mendRange(h http.Header) {
	unit, ranges, ok := strings.Cut(h.Get("Range"), "=")
	if ok && strings.EqualFold(unit, "bytes") {
		h.Set("Range", "bytes="+ranges)
	} else {
		h.Del("Range")
	}
}
