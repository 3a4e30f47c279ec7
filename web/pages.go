package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

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

// UploadResult is the outcome of an upload with the form.
type UploadResult struct {
	// IDs are the ids of the torrent; zero if it is not cached.
	IDs infohash.Set
	// Known says that the torrent was cached before.
	Known bool
	// Err is the reason why the torrent is not cached; nil if it is.
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

// LookupResult is the result of the lookup form for one torrent.
type LookupResult struct {
	// Query is the text as typed.
	Query string
	// IDs are the ids that the text names; zero if it names no torrent.
	IDs infohash.Set
	// Name, TorrentSize and ContentSize (bytes) and FileCount describe the torrent if Err is nil.
	Name        string
	TorrentSize int64
	ContentSize int64
	FileCount   int64
	// Err is the reason why there is no download; nil if there is one.
	Err *reason.Error
	// Trackers are trackers that may know peers of a missing torrent.
	Trackers []string
	// Self is the URL of a page with the same content, without the host; "" if there is none.
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

// LookupList is the result of the lookup form for a list.
type LookupList struct {
	// Query is the text as typed.
	Query string
	// Found and Missing are the info hashes of torrents that are cached, and of those that are not.
	Found, Missing []infohash.ID
	// Unread are the lines that name no torrent.
	Unread []string
}

// LookupListAnswer writes the answer to the lookup form for a list.
func (s *Site) LookupListAnswer(w http.ResponseWriter, r *http.Request, list LookupList) {
	view := struct {
		LookupList
		FoundCount, Count int64
	}{list, int64(len(list.Found)), int64(len(list.Found) + len(list.Missing))}
	s.write(w, r, http.StatusOK, "found", view)
}

// torrentView describes a torrent to templates.
type torrentView struct {
	InfoHash string // "" if there is none
	Path     string // of the download
	Magnet   template.URL
}

func (s *Site) viewOf(ids infohash.Set) torrentView {
	return torrentView{
		InfoHash: ids.Primary().String(),
		Path:     downloadPath(ids),
		// html/template refuses the scheme. The link is safe: it consists of hex digits and an
		// escaped URL.
		Magnet: template.URL(s.Magnet(ids)),
	}
}

// Magnet returns the magnet link of the torrent of ids, for people to pass on. If downloads are not
// restricted and the server knows its public URL, the link names the download.
func (s *Site) Magnet(ids infohash.Set) string {
	if source := s.Source(ids); source != "" {
		return ids.MagnetFrom(source)
	}
	return ids.Magnet()
}

// Source returns the URL at which anybody can download the torrent of ids; "" if that URL is
// unknown or downloads are restricted.
func (s *Site) Source(ids infohash.Set) string {
	if s.options.PublicURL == "" || s.options.Private() {
		return ""
	}
	return DownloadURL(s.options.PublicURL, ids)
}

// DownloadURL returns the URL of the download of the torrent of ids at the server with that public
// URL.
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

// problem returns the text of an error; "" for none.
func problem(e *reason.Error) string {
	switch {
	case e == nil:
		return ""
	case e.Reason == reason.TorrentRemoved && e.Message != "":
		return e.Message // without the text that scripts look for: the page has a title
	}
	return e.Text()
}

// DeadLink is the URL of a download that does not exist.
type DeadLink struct {
	// IDs are the ids that the URL names; zero if it names no torrent.
	IDs infohash.Set
	// Err is the reason why there is no download.
	Err *reason.Error
}

// DeadLink writes the page for a person who followed a link to a download that does not exist.
// Status is not 200.
func (s *Site) DeadLink(w http.ResponseWriter, r *http.Request, status int, link DeadLink) {
	view := struct {
		torrentView
		Removed bool
		Again   bool // upstreams are being asked
		Problem string
		sought
	}{s.viewOf(link.IDs), is(link.Err, reason.TorrentRemoved), link.Err.RetryAfter() > 0, problem(link.Err), soughtOf(link.Err, nil)}
	view.refresh(w.Header(), "")
	s.write(w, r, status, "deadlink", view)
}

// sought is the state of the search for a missing torrent: whether the server is asking peers, or
// can ask them.
type sought struct {
	Looking, CanLook bool
	Known            []string // trackers that may know peers

	after time.Duration
}

func soughtOf(e *reason.Error, trackers []string) sought {
	if e == nil {
		return sought{}
	}
	return sought{Looking: e.Wanted() == reason.Looking, CanLook: e.Wanted() == reason.NotWanted, Known: trackers, after: e.RetryAfter()}
}

// refresh makes a page load again while its torrent is being looked for, or load address if that is
// not empty. It needs no script.
func (s sought) refresh(h http.Header, address string) {
	if !s.Looking || s.after <= 0 {
		return
	}
	again := fmt.Sprintf("%.0f", s.after.Seconds())
	if address != "" {
		again += "; url=" + address
	}
	h.Set("Refresh", again)
}
