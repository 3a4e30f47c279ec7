package gateway

import (
	"log/slog"
	"net/http"
	"strings"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// pages serves what is for people, the API's documents, and every path that no
// other area has.
type pages struct {
	site   *web.Site
	client torrentcachev1.CacheServiceClient
	log    *slog.Logger
	get    map[string]http.HandlerFunc // by exact path; all are GET
}

func newPages(site *web.Site, client torrentcachev1.CacheServiceClient, log *slog.Logger) *pages {
	p := &pages{site: site, client: client, log: log}
	p.get = map[string]http.HandlerFunc{
		"/":                        site.Home,
		"/automation":              site.Automation,
		"/automation.php":          site.Automation,
		"/lookup":                  p.lookup,
		"/api/openapi.json":        openAPI().serve,
		"/api/cache_service.proto": contract().serve,
	}
	return p
}

func (p *pages) serve(w http.ResponseWriter, r *http.Request, path string) {
	get := p.get[path]
	if get == nil {
		get = p.site.Asset(path)
	}
	if get == nil {
		p.notFound(w, r)
		return
	}
	methods := httpx.Methods{Get: get}
	handle := methods.Find(r.Method)
	if handle == nil {
		w.Header().Set("Allow", methods.Allow())
		httpx.WriteTextError(w, http.StatusMethodNotAllowed, "This address is only for GET.\n")
		return
	}
	handle(w, r)
}

// notFound gives a page to who asks for HTML, which programs do not.
func (p *pages) notFound(w http.ResponseWriter, r *http.Request) {
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
	ids, err := parseIDs(strings.TrimSpace(result.Query))
	if err != nil {
		result.Err = reason.New(reason.HashMalformed,
			"Type 40 or 64 hex digits, 32 base32 digits, or a magnet link.").Because(err)
	} else {
		result.IDs = ids
		p.describe(r, &result)
	}
	if result.Err != nil {
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

// parseIDs reads what people paste: an info hash or a magnet link.
func parseIDs(text string) (infohash.Set, error) {
	if strings.HasPrefix(strings.ToLower(text), "magnet:") {
		return infohash.ParseMagnet(text)
	}
	id, err := infohash.Parse(text)
	if err != nil {
		return infohash.Set{}, err
	}
	return idSet(id), nil
}
