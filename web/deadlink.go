package web

import (
	"net/http"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// DeadLink is the address of a download that has none.
type DeadLink struct {
	// IDs is what the address names; zero if it names no torrent.
	IDs infohash.Set
	// Err is why there is no download.
	Err *reason.Error
}

// DeadLink writes the page for a person who follows a link to a download that is not there,
// with a status that is not 200.
func (s *Site) DeadLink(w http.ResponseWriter, r *http.Request, status int, link DeadLink) {
	view := struct {
		torrentView
		Removed bool
		Again   bool // another cache is being asked
		Problem string
		sought
	}{s.viewOf(link.IDs), is(link.Err, reason.TorrentRemoved), link.Err.RetryAfter() > 0, problem(link.Err), soughtOf(link.Err, nil)}
	view.refresh(w.Header(), "")
	s.write(w, r, status, "deadlink", view)
}
