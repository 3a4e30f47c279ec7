package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/web"
)

const (
	// maxLookup is how long the text of the look-up form may be, in bytes as they are sent.
	maxLookup = 256 << 10

	// maxLookupList is how many torrents it may name.
	maxLookupList = 1000
)

// lookup answers the look-up form, whose text is in the query of the address.
func (p *pages) lookup(w http.ResponseWriter, r *http.Request) { p.find(w, r, r.URL.Query().Get("q")) }

// lookupPosted answers the look-up form, whose text is in the body.
func (p *pages) lookupPosted(w http.ResponseWriter, r *http.Request) {
	form, failed := readForm(w, r, maxLookup)
	if failed != nil {
		p.refuseLookup(w, r, failed)
		return
	}
	p.find(w, r, form.Get("q"))
}

// readForm reads a form of at most most bytes.
func readForm(w http.ResponseWriter, r *http.Request, most int64) (url.Values, *reason.Error) {
	body, failed := httpx.ReadBody(w, r, most)
	form, err := url.ParseQuery(string(body))
	if failed == nil && err != nil || failed != nil && failed.Reason == reason.TorrentTooLarge {
		failed = reason.New(reason.RequestInvalid, "the form has more than %d bytes, or is not percent-encoded", most)
	}
	return form, failed
}

// find answers the look-up of one torrent or of a list.
func (p *pages) find(w http.ResponseWriter, r *http.Request, query string) {
	all, unread := parseList(query)
	switch {
	case len(all) == 0:
		p.answerLookup(w, r, web.LookupResult{Query: query, Err: reason.New(reason.HashMalformed,
			"Type 40 or 64 hex digits, 32 base32 digits, a magnet link, or the address of a download.")})
	case len(all) > maxLookupList:
		p.answerLookup(w, r, web.LookupResult{Query: query, Err: reason.New(reason.RequestInvalid,
			"the list names more than %d torrents", maxLookupList)})
	case len(all) == 1 && len(unread) == 0:
		p.findOne(w, r, query, all[0])
	default:
		p.findAll(w, r, query, all, unread)
	}
}

// findOne redirects to the page of a torrent, whose address people can share. If torrents have no
// pages here, it answers itself.
func (p *pages) findOne(w http.ResponseWriter, r *http.Request, query string, ids infohash.Set) {
	trackers := wanted.OfMagnet(query)
	if p.hideTorrents {
		result := web.LookupResult{Query: query, IDs: ids, Trackers: trackers, Self: p.pageOf(r, ids)}
		p.describe(r, &result)
		p.answerLookup(w, r, result)
		return
	}
	page := p.pageOf(r, ids)
	if len(trackers) > 0 { // only a search for the torrent needs them in the address
		result := web.LookupResult{IDs: ids}
		if p.describe(r, &result); result.Err != nil && result.Err.Wanted() == reason.NotWanted {
			page += "?" + url.Values{"tr": trackers}.Encode()
		}
	}
	seeOther(w, page)
}

// pageOf returns the address that describes a torrent.
func (p *pages) pageOf(r *http.Request, ids infohash.Set) string {
	if p.hideTorrents {
		return front.Prefix(r) + "/lookup?q=" + ids.Primary().String()
	}
	return front.Prefix(r) + infoPath + ids.Primary().String()
}

func seeOther(w http.ResponseWriter, address string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", address)
	w.WriteHeader(http.StatusSeeOther)
}

// findAll answers which torrents of a list are here. Only callers who may upload may ask, because
// the answer helps to enumerate the store.
func (p *pages) findAll(w http.ResponseWriter, r *http.Request, query string, all []infohash.Set, unread []string) {
	request := &torrentcachev1.FindMissingTorrentsRequest{}
	for _, ids := range all {
		request.InfoHashes = append(request.InfoHashes, ids.Primary().String())
	}
	ctx, cancel := httpx.ReadContext(r)
	defer cancel()
	answer, err := p.client.FindMissingTorrents(ctx, request)
	if err != nil {
		p.answerLookup(w, r, web.LookupResult{Query: query, Err: ofList(reason.Of(err))})
		return
	}
	missing := map[string]bool{}
	for _, hash := range answer.GetMissingInfoHashes() {
		missing[hash] = true
	}
	list := web.LookupList{Query: query, Unread: unread}
	for _, ids := range all {
		if id := ids.Primary(); missing[id.String()] {
			list.Missing = append(list.Missing, id)
		} else {
			list.Found = append(list.Found, id)
		}
	}
	p.site.LookupListAnswer(w, r, list)
}

// ofList returns e with advice for a caller who may not look up lists.
func ofList(e *reason.Error) *reason.Error {
	if e.Reason == reason.Unauthenticated || e.Reason == reason.PermissionDenied {
		return reason.New(e.Reason, "a list of torrents is only for those who may upload: ask for one at a time")
	}
	return e
}

// parseList returns the torrents in a pasted text, each once, and the lines that name none. If a
// line as a whole names no torrent, parseList tries its words. It stops after more than
// maxLookupList.
func parseList(text string) (all []infohash.Set, unread []string) {
	seen := map[infohash.Set]bool{}
	add := func(text string) bool {
		ids, err := infohash.ParsePasted(text)
		if err == nil && !seen[ids] {
			seen[ids] = true
			all = append(all, ids)
		}
		return err == nil
	}
	for line := range strings.Lines(text) {
		if len(all) > maxLookupList {
			break
		}
		if line = strings.TrimSpace(line); line == "" || add(line) {
			continue
		}
		read := false
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' }) {
			read = add(word) || read
		}
		if !read {
			unread = append(unread, line)
		}
	}
	return all, unread
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

// describe adds to result the description of the torrent of result.IDs, or why there is none.
func (p *pages) describe(r *http.Request, result *web.LookupResult) {
	ctx, cancel := httpx.ReadContext(r)
	defer cancel()
	about, err := p.client.DescribeTorrent(ctx, &torrentcachev1.DescribeTorrentRequest{
		InfoHash:     result.IDs.Primary().String(),
		FilePageSize: 1, // the answer has the count of all files
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

// maxWant is how long the form of the button "Look for it" may be, in bytes as they are sent.
const maxWant = 16 << 10

// want asks the server to look for a torrent, and redirects to its page, which shows the search.
func (p *pages) want(w http.ResponseWriter, r *http.Request) {
	form, failed := readForm(w, r, maxWant)
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
