package gateway

import (
	"log/slog"
	"net/http"
	"strings"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// pages serves what is for people, the API's documents, and every path that no
// other door has.
type pages struct {
	site   *web.Site
	client torrentcachev1.CacheServiceClient
	log    *slog.Logger
}

func (p *pages) routes() []front.Route {
	const door = "page"
	routes := []front.Route{
		{Door: door, Pattern: "/lookup", Reads: true, Get: p.lookup, Refuse: p.refuseLookup},
		{Door: door, Pattern: "/...", Any: p.notFound},
	}
	for path, get := range map[string]http.HandlerFunc{
		"/":                        p.site.Home,
		"/automation":              p.site.Automation,
		"/automation.php":          p.site.Automation,
		"/api/openapi.json":        openAPI().serve,
		"/api/cache_service.proto": contract().serve,
	} {
		routes = append(routes, front.Route{Door: door, Pattern: path, Get: get, Refuse: refusePage})
	}
	for path, get := range p.site.Assets() {
		routes = append(routes, front.Route{Door: door, Pattern: path, Get: get, Refuse: refusePage})
	}
	return routes
}

// refusePage answers in plain text, as what asks a page for anything but the page is no
// browser.
func refusePage(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	if e.Reason == reason.MethodNotAllowed {
		outcome.Refused(w, e)
		httpx.WriteTextError(w, http.StatusMethodNotAllowed, "This address is only for GET.\n")
		return
	}
	front.RefuseText(w, r, e)
}

// notFound gives a page to who asks for HTML, which programs do not.
func (p *pages) notFound(w http.ResponseWriter, r *http.Request) {
	outcome.Refused(w, routeNotFound())
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		p.site.NotFound(w, r)
		return
	}
	httpx.WriteTextError(w, http.StatusNotFound, "There is no such path. Torrents are at /torrent/<INFOHASH>.torrent.\n")
}

// lookup answers the form that takes an info hash or a magnet link.
func (p *pages) lookup(w http.ResponseWriter, r *http.Request) {
	result := web.LookupResult{Query: r.URL.Query().Get("q")}
	ids, err := infohash.ParsePasted(result.Query)
	if err != nil {
		result.Err = reason.New(reason.HashMalformed,
			"Type 40 or 64 hex digits, 32 base32 digits, or a magnet link.").Because(err)
	} else {
		result.IDs = ids
		p.describe(r, &result)
	}
	p.answerLookup(w, r, result)
}

func (p *pages) refuseLookup(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	p.answerLookup(w, r, web.LookupResult{Query: r.URL.Query().Get("q"), Err: e})
}

func (p *pages) answerLookup(w http.ResponseWriter, r *http.Request, result web.LookupResult) {
	outcome.About(w, result.IDs.Primary())
	if result.Err != nil {
		outcome.Refused(w, result.Err)
		httpx.LogInternal(r.Context(), p.log, result.Err)
		httpx.SetRetryAfter(w.Header(), result.Err)
		httpx.SetErrorHeaders(w.Header(), result.Err.Reason.Answer().JSON)
	}
	p.site.LookupAnswer(w, r, result)
}

// describe fills in the torrent that result.IDs names, or why there is none.
func (p *pages) describe(r *http.Request, result *web.LookupResult) {
	ctx, cancel := httpx.ReadContext(r)
	defer cancel()
	about, err := p.client.DescribeTorrent(ctx, &torrentcachev1.DescribeTorrentRequest{
		InfoHash:     result.IDs.Primary().String(),
		FilePageSize: 1, // the count of files is not bound to the page
	})
	if err != nil {
		result.Err = reason.Of(err)
		return
	}
	result.Name = about.GetName()
	result.TorrentSize = about.GetTorrentSizeBytes()
	result.ContentSize = about.GetContentSizeBytes()
	result.FileCount = about.GetFileCount()
}
