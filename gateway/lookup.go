package gateway

import (
	"net/http"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// lookup answers the form that takes what people paste. Where torrents have pages it leads to
// theirs, whose address can be passed on.
func (p *pages) lookup(w http.ResponseWriter, r *http.Request) {
	result := web.LookupResult{Query: r.URL.Query().Get("q")}
	result.IDs, result.Err = parsePasted(result.Query)
	switch {
	case result.Err != nil:
	case !p.hideTorrents:
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", front.Prefix(r)+infoPath+result.IDs.Primary().String())
		w.WriteHeader(http.StatusSeeOther)
		return
	default:
		p.describe(r, &result)
	}
	p.answerLookup(w, r, result)
}

func parsePasted(text string) (infohash.Set, *reason.Error) {
	ids, err := infohash.ParsePasted(text)
	if err != nil {
		return infohash.Set{}, reason.New(reason.HashMalformed,
			"Type 40 or 64 hex digits, 32 base32 digits, or a magnet link.").Because(err)
	}
	return ids, nil
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
