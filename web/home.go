package web

import "net/http"

// Stance is what a server does with a kind of torrent.
type Stance int

// The stances.
const (
	Unsaid Stance = iota // it is not known here
	Taken
	Refused
)

// Policy is what a server does with torrents that may hold a passkey.
type Policy struct {
	Private  Stance // torrents that are marked private (BEP 27)
	Passkeys Stance // those with a passkey in a tracker's URL
}

// text says it to whoever is about to upload.
func (p Policy) text() string {
	const open = "whoever has its info hash would get it."
	switch {
	case p.Private == Refused && p.Passkeys == Refused:
		return "Private torrents are refused here, and so are all that have a passkey in a tracker's address."
	case p.Private == Refused:
		return "Private torrents are refused here. Any other with your passkey in a tracker's address would be taken: " + open
	case p.Passkeys == Refused:
		return "Torrents with a passkey in a tracker's address are refused here."
	case p.Private == Taken:
		return "A private torrent has your passkey in its tracker's address: here " + open
	}
	return "A private torrent has your passkey in its tracker's address: unless it is refused here, " + open
}

// Caller is who asks for a page.
type Caller struct {
	// NeedsKey says that the caller may not upload as it is.
	NeedsKey bool
}

// Home writes the front page.
func (s *Site) Home(w http.ResponseWriter, r *http.Request, caller Caller) {
	view := struct {
		Caller
		Policy string
	}{caller, s.options.Policy.text()}
	s.write(w, r, http.StatusOK, "home", view)
}
