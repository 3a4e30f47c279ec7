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

	source       func(infohash.Set) string // where everybody can have a torrent, or ""
	hideTorrents bool
}

func (p *pages) routes() []front.Route {
	const door = "page"
	routes := []front.Route{
		{Door: door, Pattern: "/lookup", Reads: true, Get: p.lookup, Refuse: p.refuseLookup},
		{Door: door, Pattern: "/...", Any: p.notFound},
	}
	if !p.hideTorrents {
		routes = append(routes, front.Route{Door: door, Pattern: infoPath + "{info_hash}", Reads: true, Get: p.torrent, Refuse: p.refuseTorrent})
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
