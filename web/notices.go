package web

import (
	"fmt"
	"net/http"
	"time"
)

// securityAge is for how long security.txt says that it holds; it is made anew each time.
const securityAge = 90 * 24 * time.Hour

// Removal writes how to ask for a removal. Without a contact there is nothing to say: 404.
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

// forPeople writes a time in its largest unit.
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

// SecurityText writes security.txt (RFC 9116), which names the contact. Without one that is a
// link there is none: 404.
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
	_, _ = fmt.Fprintf(w, "Contact: %s\nExpires: %s\n", contact, expires.Format(time.RFC3339)) // a reader that left needs none
}
