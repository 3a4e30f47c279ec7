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

// text says it to a person who is about to upload.
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

// Uploads is what the server behind the pages takes from whoever asks for one. Its zero value
// says that nobody knows.
type Uploads struct {
	// NeedKey says that the caller may not upload as it is.
	NeedKey bool
	// Most is the size of the largest torrent taken, in bytes. 0, or more than the options say:
	// what those say.
	Most   int64
	Policy Policy
}

// Home writes the front page.
func (s *Site) Home(w http.ResponseWriter, r *http.Request, uploads Uploads) {
	view := struct {
		NeedsKey bool
		Policy   string
	}{uploads.NeedKey, uploads.Policy.text()}
	s.writeAs(w, r, s.server(r).takingAtMost(uploads.Most), http.StatusOK, "home", view)
}
