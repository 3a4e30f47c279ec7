package gateway

import (
	"net/http"
	"strconv"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// AppendHeader appends to b the header of the answer to GET /torrent/HASH.torrent when that
// is got: the lines that ServeHTTP would send, sorted, each with its CR LF. It returns nil if
// they are not the usual ones. It is for answers without ServeHTTP: ServeHTTP takes a quarter
// of the time of a download from the disk.
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

// cacheControl says who may keep a download, and that it may be kept for maxAge (RFC 9111,
// section 5.2.2).
func (f *files) cacheControl(maxAge time.Duration) string {
	scope := "public"
	if f.private() {
		scope = "private"
	}
	return scope + ", max-age=" + strconv.Itoa(int(maxAge/time.Second))
}

// missingCacheControl is cacheControl for the answer that a download fails with e; "" if nobody
// may keep it, as while other caches are asked. An upload does not reach what caches keep, and a removal must be seen at once.
func (f *files) missingCacheControl(e *reason.Error) string {
	if !e.Lasting() || f.missing < time.Second || f.private() {
		return ""
	}
	return f.cacheControl(f.missing)
}
