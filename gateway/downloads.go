package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// oddMaxAge bounds how long caches may keep a download whose address is not the one that the
// service writes. An operator who removes a torrent can have the usual address purged from a CDN,
// but not every other spelling.
const oddMaxAge = 5 * time.Minute

// downloads serves /torrent/. It never answers with a redirect or with an HTML page of status 200,
// because clients save every answer as a torrent.
type downloads struct {
	files *files
	site  *web.Site
	log   *slog.Logger
}

func (d *downloads) routes() []front.Route {
	refuse := func(w http.ResponseWriter, r *http.Request, e *reason.Error) { d.fail(w, r, infohash.ID{}, e) }
	return []front.Route{
		{Door: "download", Pattern: "/torrent", Reads: true, Get: d.serve, Sites: d.files.sites, Refuse: refuse},
		{Door: "download", Pattern: "/torrent/...", Reads: true, Get: d.serve, Sites: d.files.sites, Refuse: refuse},
		{Door: "download", Pattern: "/{hash}.torrent", Reads: true, Get: d.serve, Sites: d.files.sites, Refuse: refuse}, // as other caches have it
	}
}

func (d *downloads) serve(w http.ResponseWriter, r *http.Request) {
	id, name, ok := parseDownloadPath(r.URL.Path)
	if !ok {
		d.fail(w, r, id, reason.New(reason.HashMalformed, ""))
		return
	}
	outcome.About(w, id)
	if title := queryTitle(r.URL.RawQuery); title != "" {
		name = title
	}
	maxAge := d.files.maxAge
	if !isUsual(r.RequestURI) {
		maxAge = min(maxAge, oddMaxAge)
	}
	if err := d.files.serve(w, r, id, name, maxAge); err != nil {
		d.fail(w, r, id, err)
	}
}

func (d *downloads) fail(w http.ResponseWriter, r *http.Request, id infohash.ID, e *reason.Error) {
	outcome.Refused(w, e)
	httpx.LogInternal(r.Context(), d.log, e)
	status, text := e.Reason.Answer().Download, d.failureText(id, e)
	if (status == http.StatusNotFound || status == http.StatusGone) && isNavigation(r) {
		w.Header().Add("Vary", "Accept, Sec-Fetch-Dest")
		httpx.SetRetryAfter(w.Header(), e)
		d.site.DeadLink(w, r, status, web.DeadLink{IDs: idSet(id), Err: e})
		return
	}
	if keep := d.files.missingCacheControl(e); keep != "" {
		w.Header().Set("Cache-Control", keep)
		httpx.WriteText(w, status, text)
		return
	}
	httpx.SetRetryAfter(w.Header(), e)
	httpx.WriteTextError(w, status, text)
}

// isNavigation reports whether a browser asks for a page to show to a person (Fetch Metadata,
// section 2.1). Programs that save the answer send neither of the two headers, or one; no program
// is known to send both.
func isNavigation(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Dest") == "document" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// failureText returns the text that a person finds in place of the torrent.
func (d *downloads) failureText(id infohash.ID, e *reason.Error) string {
	switch e.Reason {
	case reason.TorrentNotFound:
		again := ""
		if e.Wanted() == reason.Looking {
			again = " It is being looked for among peers: try again in a moment."
		} else if e.RetryAfter() > 0 {
			again = " Another cache may have it: try again in a moment."
		}
		return fmt.Sprintf("No torrent with the info hash %s is cached here.%s\n"+
			"A torrent client may find it by its magnet link: %s\n", id, again, d.site.Magnet(idSet(id)))
	case reason.HashMalformed:
		return "This address names no info hash. Use /torrent/<INFOHASH>.torrent " +
			"with 40 or 64 hex digits, or 32 base32 digits.\n"
	case reason.MethodNotAllowed:
		return "Downloads are by GET. Upload at /autoupload.php or /v1/torrents.\n"
	case reason.TorrentDamaged:
		return fmt.Sprintf("The stored copy of %s is damaged. Uploading the torrent again repairs it.\n"+
			"A torrent client may find it by its magnet link: %s\n", id, d.site.Magnet(idSet(id)))
	default:
		return e.LegacyText() + "\n"
	}
}

// idSet returns the ids that one id stands for. A 20-byte id may be v1 or a truncated v2 id; idSet
// takes it for v1, because clients understand links with v1.
func idSet(id infohash.ID) infohash.Set {
	if id.Size() == infohash.SizeV2 {
		return infohash.Set{V2: id}
	}
	return infohash.Set{V1: id}
}
