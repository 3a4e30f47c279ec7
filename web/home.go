package web

import (
	"net/http"
	"strconv"
	"time"
)

// Policy says whether a server accepts torrents that may contain a passkey.
type Policy struct {
	RefusesPrivate  bool // torrents that are marked private (BEP 27)
	RefusesPasskeys bool // torrents with a passkey in a tracker's URL
}

// text returns the policy in words for a person who is about to upload. Nil is an unknown policy.
func (p *Policy) text() string {
	const has, open = "A private torrent has your passkey in its tracker's address: ", "anyone who has its info hash would get it."
	switch {
	case p == nil:
		return has + "unless it is refused here, " + open
	case p.RefusesPrivate && p.RefusesPasskeys:
		return "Private torrents are refused here, and so are all that have a passkey in a tracker's address."
	case p.RefusesPrivate:
		return "Private torrents are refused here. Any other with your passkey in a tracker's address would be taken: " + open
	case p.RefusesPasskeys:
		return "Torrents with a passkey in a tracker's address are refused here."
	}
	return has + "here " + open
}

// Uploads says which uploads the server behind the pages accepts from the visitor. The zero value
// means that this is unknown.
type Uploads struct {
	// NeedKey says that the visitor may not upload without a key.
	NeedKey bool
	// Most is the size of the largest torrent accepted, in bytes. If it is 0 or larger than
	// Options.MaxTorrentSize, that one counts.
	Most   int64
	Policy *Policy // nil: unknown
}

// Home writes the front page.
func (s *Site) Home(w http.ResponseWriter, r *http.Request, uploads Uploads) {
	view := struct {
		NeedsKey bool
		Policy   string
	}{uploads.NeedKey, uploads.Policy.text()}
	s.writeAs(w, r, s.server(r).takingAtMost(uploads.Most), http.StatusOK, "home", view)
}

// Retention is how long a server keeps torrents that nobody removes.
type Retention struct {
	DropUnreadAfter time.Duration // after the last download or upload; 0: for ever
	Evicts          bool          // when the server is full, it drops the torrents used longest ago
}

// Text returns the retention as one or two sentences for people.
func (r Retention) Text() string {
	const evicts = "when the server is full, the torrents used longest ago make room, a week after their last use at the earliest."
	days := strconv.FormatFloat(r.DropUnreadAfter.Hours()/24, 'f', -1, 64)
	switch {
	case r.DropUnreadAfter > 0 && r.Evicts:
		return "Torrents that nobody downloads or uploads for " + days + " days are dropped; " + evicts
	case r.DropUnreadAfter > 0:
		return "Torrents that nobody downloads or uploads for " + days + " days are dropped."
	case r.Evicts:
		return "Nothing is dropped for its age; " + evicts
	}
	return "Nothing is dropped for its age, nor to make room."
}
