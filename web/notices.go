package web

import (
	"fmt"
	"net/http"
	"time"
)

// securityAge is how long security.txt says that it is valid, counted from each request.
const securityAge = 90 * 24 * time.Hour

// Removal writes the page that says how to ask for a removal. Without a contact it writes NotFound.
func (s *Site) Removal(w http.ResponseWriter, r *http.Request) {
	if s.options.Contact == "" {
		s.NotFound(w, r)
		return
	}
	view := struct {
		Status int
		Kept   string
	}{s.options.RemovedStatus, forPeople(s.options.DownloadMaxAge)}
	s.write(w, r, http.StatusOK, "removal", view)
}

// forPeople formats a duration in its largest unit.
func forPeople(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return "up to " + count(int64((d+24*time.Hour-1)/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return "up to " + count(int64((d+time.Hour-1)/time.Hour), "hour")
	case d >= time.Minute:
		return "up to " + count(int64((d+time.Minute-1)/time.Minute), "minute")
	}
	return "a moment"
}

// SecurityText writes security.txt (RFC 9116), which names the contact. If the contact is not a
// link, it answers 404.
func (s *Site) SecurityText(w http.ResponseWriter, r *http.Request) {
	contact := contactURL(s.options.Contact)
	if contact == "" {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=3600")
	expires := time.Now().Add(securityAge).UTC().Truncate(24 * time.Hour)
	// A client that has left needs no text.
	_, _ = fmt.Fprintf(w, "Contact: %s\nExpires: %s\n", contact, expires.Format(time.RFC3339))
}
