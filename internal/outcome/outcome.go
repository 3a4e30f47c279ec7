// Package outcome lets a door tell the layers before it, which measure and log requests, two
// things that the answer itself does not show: why a request was refused, and which torrent it was
// about.
package outcome

import (
	"net/http"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Outcome is what a door knows of a request. Zero fields say nothing.
type Outcome struct {
	Reason   reason.Reason
	InfoHash infohash.ID
}

// Observer is a response writer that is told the outcome, perhaps several times; the last value of a
// field counts. It is called by the goroutine that writes.
type Observer interface{ Observe(Outcome) }

// Refused tells the layers around w why a request is refused.
func Refused(w http.ResponseWriter, e *reason.Error) { tell(w, Outcome{Reason: e.Reason}) }

// About tells the layers around w which torrent a request is about.
func About(w http.ResponseWriter, id infohash.ID) { tell(w, Outcome{InfoHash: id}) }

// tell calls each Observer that w is made of.
func tell(w http.ResponseWriter, o Outcome) {
	for w != nil {
		if h, ok := w.(Observer); ok {
			h.Observe(o)
		}
		wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = wrapped.Unwrap()
	}
}

// Add takes over what next says.
func (o *Outcome) Add(next Outcome) {
	if next.Reason != "" {
		o.Reason = next.Reason
	}
	if !next.InfoHash.IsZero() {
		o.InfoHash = next.InfoHash
	}
}

// Label returns the reason as a label of a metric, of which there is a bounded number: OTHER
// stands for reasons that this program does not know, as those of a newer server.
func Label(r reason.Reason) string {
	if !r.Known() {
		return "OTHER"
	}
	return string(r)
}
