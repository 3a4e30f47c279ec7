package gateway

import (
	"net/http"
	"net/url"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// maxWant is how long the form of the button "Look for it" may be, in bytes as they are sent.
const maxWant = 16 << 10

// want has a torrent looked for, and leads to its page, which says so.
func (p *pages) want(w http.ResponseWriter, r *http.Request) {
	body, failed := httpx.ReadBody(w, r, maxWant)
	form, err := url.ParseQuery(string(body))
	if failed == nil && err != nil || failed != nil && failed.Reason == reason.TorrentTooLarge {
		failed = reason.New(reason.RequestInvalid, "want a form of at most %d bytes with info_hash", maxWant)
	}
	if failed != nil {
		p.refuseLookup(w, r, failed)
		return
	}
	ids, err := infohash.ParsePasted(form.Get("info_hash"))
	if err != nil {
		p.refuseLookup(w, r, reason.New(reason.HashMalformed, "%v", err))
		return
	}
	ctx, cancel := httpx.CallContext(r)
	defer cancel()
	_, err = p.client.WantTorrent(ctx, &torrentcachev1.WantTorrentRequest{InfoHash: ids.Primary().String(), Trackers: form["tr"]})
	if err != nil {
		p.answerLookup(w, r, web.LookupResult{Query: ids.Primary().String(), IDs: ids, Err: reason.Of(err)})
		return
	}
	seeOther(w, p.pageOf(r, ids))
}
