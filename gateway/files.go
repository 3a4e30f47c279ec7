package gateway

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Torrents returns torrents by their ids. It must be safe for concurrent use.
type Torrents interface {
	// GetTorrent returns the answer or the error of the RPC of this name. Nobody may change the
	// answer.
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

// files answers requests with the bytes of torrents.
type files struct {
	torrents Torrents
	maxAge   time.Duration
	missing  time.Duration // how long caches may keep the answer that there is no torrent
	private  func() bool
	sites    *front.Sites
}

// serve answers a GET or HEAD with the torrent of id. The suggested file name is made of title, or
// of the info hash if title is empty. Caches may keep the answer for maxAge. serve honours the
// conditions and ranges of RFC 9110. If it returns an error, it has written nothing.
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

// mendRange rewrites a Range header so that net/http reads it as RFC 9110, sections 14.1 and 14.2,
// defines it: the name of the unit has no letter case, and an unknown unit counts as no Range.
func mendRange(h http.Header) {
	unit, ranges, ok := strings.Cut(h.Get("Range"), "=")
	if ok && strings.EqualFold(unit, "bytes") {
		h.Set("Range", "bytes="+ranges)
	} else {
		h.Del("Range")
	}
}

// AppendHeader appends to b the header of the answer to GET /torrent/HASH.torrent with the torrent
// got: the lines that ServeHTTP would send, sorted, each with its CR LF. It returns nil if the
// answer needs other lines. It exists because ServeHTTP takes a quarter of the time of a download
// from the disk.
func (d *Door) AppendHeader(b []byte, got *torrentcachev1.GetTorrentResponse) []byte {
	updated := got.GetUpdateTime().AsTime()
	if updated.Unix() <= 0 {
		return nil // there is no Last-Modified
	}
	f := d.downloads.files
	b = append(b, "Accept-Ranges: bytes\r\n"...)
	if f.sites.Open() {
		b = append(b, "Access-Control-Allow-Origin: *\r\n"...)
	}
	b = append(b, "Cache-Control: "...)
	b = append(b, f.cacheControl(f.maxAge)...)
	b = append(b, "\r\nContent-Disposition: attachment; filename=\""...)
	b = append(b, got.GetInfoHash()...)
	b = append(b, torrentSuffix+"\"\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(got.GetTorrent())), 10)
	b = append(b, "\r\nContent-Type: "+torrentType+"\r\nEtag: \""...)
	b = append(b, got.GetEtag()...)
	b = append(b, "\"\r\nLast-Modified: "...)
	b = updated.AppendFormat(b, http.TimeFormat)
	return append(b, "\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"...)
}

// cacheControl returns the Cache-Control of a download. It says which caches may keep the download,
// and that they may keep it for maxAge (RFC 9111, section 5.2.2).
func (f *files) cacheControl(maxAge time.Duration) string {
	scope := "public"
	if f.private() {
		scope = "private"
	}
	return scope + ", max-age=" + strconv.Itoa(int(maxAge/time.Second))
}

// missingCacheControl returns the Cache-Control of a download that failed with e; "" if no cache
// may keep the failure, for example while other caches are asked. An upload does not reach the
// copies in caches, and a removal must show at once.
func (f *files) missingCacheControl(e *reason.Error) string {
	if !e.Lasting() || f.missing < time.Second || f.private() {
		return ""
	}
	return f.cacheControl(f.missing)
}
