package gateway

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/torrentcache/torrentcache/gen/openapi"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/proto"
	"github.com/torrentcache/torrentcache/web"
)

// pages serves the pages for people, the documents of the API, and every path that no other door
// has.
type pages struct {
	site   *web.Site
	client torrentcachev1.CacheServiceClient
	log    *slog.Logger

	hideTorrents bool
}

func (p *pages) routes() []front.Route {
	const door = "page"
	routes := []front.Route{
		{Door: door, Pattern: "/lookup", Reads: true, Asks: true, Get: p.lookup, Post: p.lookupPosted, Refuse: p.refuseLookup},
		{Door: door, Pattern: "/want", Reads: true, Asks: true, Post: p.want, Refuse: p.refuseLookup},
		{Door: door, Pattern: "/...", Any: p.notFound},
	}
	if !p.hideTorrents {
		routes = append(routes, front.Route{Door: door, Pattern: infoPath + "{info_hash}", Reads: true, Get: p.torrent, Refuse: p.refuseTorrent})
	}
	for path, get := range map[string]http.HandlerFunc{
		"/":                         p.home,
		"/automation":               p.automation,
		"/automation.php":           p.automation,
		"/removal":                  p.site.Removal,
		"/.well-known/security.txt": p.site.SecurityText,
		"/api/openapi.json":         p.site.Document("application/json", openapi.JSON),
		"/api/cache_service.proto":  p.site.Document("text/plain; charset=utf-8", proto.CacheService),
	} {
		routes = append(routes, front.Route{Door: door, Pattern: path, Get: get, Refuse: refusePage})
	}
	for path, get := range p.site.Assets() {
		routes = append(routes, front.Route{Door: door, Pattern: path, Get: get, Refuse: refusePage})
	}
	return routes
}

func (p *pages) home(w http.ResponseWriter, r *http.Request) { p.site.Home(w, r, p.uploads(r)) }

func (p *pages) automation(w http.ResponseWriter, r *http.Request) {
	p.site.Automation(w, r, p.uploads(r))
}

// uploads asks the service which uploads it takes from the caller. Only the service knows: a
// gateway has no keys, and an address may have a role. If the service does not answer, the page
// leaves it out.
func (p *pages) uploads(r *http.Request) web.Uploads {
	ctx, cancel := httpx.ReadContext(r)
	defer cancel()
	server, err := p.client.DescribeServer(ctx, &torrentcachev1.DescribeServerRequest{})
	if err != nil {
		return web.Uploads{NeedKey: reason.Of(err).Reason == reason.Unauthenticated} // no server knows the key
	}
	return web.Uploads{
		NeedKey: !slices.Contains(server.GetCallerRoles(), access.Write.String()),
		Most:    server.GetMaxTorrentSizeBytes(),
		Policy:  &web.Policy{RefusesPrivate: server.GetRefusesPrivate(), RefusesPasskeys: server.GetRefusesPasskeys()},
	}
}

// refusePage answers in plain text, because browsers only GET pages.
func refusePage(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	if e.Reason == reason.MethodNotAllowed {
		outcome.Refused(w, e)
		httpx.WriteTextError(w, http.StatusMethodNotAllowed, "This address is only for GET.\n")
		return
	}
	front.RefuseText(w, r, e)
}

// notFound answers with a page to clients that ask for HTML, and with text to programs, which do
// not.
func (p *pages) notFound(w http.ResponseWriter, r *http.Request) {
	outcome.Refused(w, routeNotFound())
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		p.site.NotFound(w, r)
		return
	}
	httpx.WriteTextError(w, http.StatusNotFound, "There is no such path. Torrents are at /torrent/<INFOHASH>.torrent.\n")
}
