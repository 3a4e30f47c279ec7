package web

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Automation writes the API guide.
func (s *Site) Automation(w http.ResponseWriter, r *http.Request, uploads Uploads) {
	view := struct{ NeedsKey bool }{uploads.NeedKey}
	s.writeAs(w, r, s.server(r).takingAtMost(uploads.Most), http.StatusOK, "automation", view)
}

// NotFound writes the page for paths that do not exist, status 404.
func (s *Site) NotFound(w http.ResponseWriter, r *http.Request) {
	s.write(w, r, http.StatusNotFound, "notfound", nil)
}

// UploadResult is what became of a torrent sent by the form.
type UploadResult struct {
	// IDs is the torrent's; zero if it is not cached.
	IDs infohash.Set
	// Known is whether it was cached before.
	Known bool
	// Err is why it is not cached; nil if it is.
	Err *reason.Error
}

// UploadAnswer writes the answer to the upload form. Its status is 200, or that
// of the JSON routes for result.Err; the caller sets Retry-After and the like.
func (s *Site) UploadAnswer(w http.ResponseWriter, r *http.Request, result UploadResult) {
	view := struct {
		torrentView
		Known   bool
		Problem string
	}{s.viewOf(result.IDs), result.Known, problem(result.Err)}
	s.write(w, r, statusOf(result.Err), "upload", view)
}

// LookupResult is what was found for the text of the lookup form.
type LookupResult struct {
	// Query is the text as typed.
	Query string
	// IDs is what the text names; zero if it names no torrent.
	IDs infohash.Set
	// Name, TorrentSize and ContentSize (bytes) and FileCount are the torrent's,
	// if Err is nil.
	Name        string
	TorrentSize int64
	ContentSize int64
	FileCount   int64
	// Err is why there is no torrent to download; nil if there is one.
	Err *reason.Error
	// Trackers may know peers of a torrent that is missing.
	Trackers []string
	// Self is the address of a page that says the same, without the host; "" if there is none.
	Self string
}

// LookupAnswer writes the answer to the lookup form. Its status is 200, or that
// of the JSON routes for result.Err; the caller sets Retry-After and the like.
func (s *Site) LookupAnswer(w http.ResponseWriter, r *http.Request, result LookupResult) {
	view := struct {
		torrentView
		LookupResult
		Missing, Removed bool
		Problem          string
		sought
	}{s.viewOf(result.IDs), result, is(result.Err, reason.TorrentNotFound), is(result.Err, reason.TorrentRemoved), problem(result.Err), soughtOf(result.Err, result.Trackers)}
	view.refresh(w.Header(), result.Self)
	s.write(w, r, statusOf(result.Err), "lookup", view)
}

// LookupList is what was found for a list.
type LookupList struct {
	// Query is the text as typed.
	Query string
	// Found and Missing are the hashes of torrents that are cached and that are not.
	Found, Missing []infohash.ID
	// Unread are the lines that name no torrent.
	Unread []string
}

// LookupListAnswer writes the answer to the lookup form for several torrents.
func (s *Site) LookupListAnswer(w http.ResponseWriter, r *http.Request, list LookupList) {
	view := struct {
		LookupList
		FoundCount, Count int64
	}{list, int64(len(list.Found)), int64(len(list.Found) + len(list.Missing))}
	s.write(w, r, http.StatusOK, "found", view)
}

// torrentView is a torrent as templates see it.
type torrentView struct {
	InfoHash string // "" if there is none
	Path     string // of the download
	Magnet   template.URL
}

func (s *Site) viewOf(ids infohash.Set) torrentView {
	return torrentView{
		InfoHash: ids.Primary().String(),
		Path:     downloadPath(ids),
		// html/template refuses the scheme; the link has hex digits and an address
		// that is escaped.
		Magnet: template.URL(s.Magnet(ids)),
	}
}

// Magnet returns the link to the torrent of ids, for people to pass on. If everybody may have
// the torrent here and the server knows its public address, the link names the download.
func (s *Site) Magnet(ids infohash.Set) string {
	if s.options.PublicURL == "" || s.options.Private() {
		return ids.Magnet()
	}
	return ids.MagnetFrom(DownloadURL(s.options.PublicURL, ids))
}

// DownloadURL returns the address of the download of the torrent of ids, at a server with that
// public address.
func DownloadURL(publicURL string, ids infohash.Set) string {
	return strings.TrimSuffix(publicURL, "/") + downloadPath(ids)
}

func downloadPath(ids infohash.Set) string { return "/torrent/" + ids.Primary().String() + ".torrent" }

func is(e *reason.Error, why reason.Reason) bool { return e != nil && e.Reason == why }

func statusOf(e *reason.Error) int {
	if e == nil {
		return http.StatusOK
	}
	return e.Reason.Answer().JSON
}

// problem says what went wrong, "" if nothing did.
func problem(e *reason.Error) string {
	switch {
	case e == nil:
		return ""
	case e.Reason == reason.TorrentRemoved && e.Message != "":
		return e.Message // without what scripts look for: the page has a title
	}
	return e.Text()
}
