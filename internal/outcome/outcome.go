// Package outcome lets a door tell the layers before it, which measure and log requests, two
// things that the answer itself does not show: why a request was refused, and which torrent it was
// about.
package outcome

import (
	"net/http"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Outcome is why a request was refused and which torrent it was about. A zero field says nothing.
type Outcome struct {
	Reason   reason.Reason
	InfoHash infohash.ID
}

// Observer is a response writer that is told the outcome, perhaps several times. The last value of
// a field counts. The goroutine that writes calls it.
type Observer interface{ Observe(Outcome) }

// Refused tells the layers around w why a request is refused.
func Refused(w http.ResponseWriter, e *reason.Error) { tell(w, Outcome{Reason: e.Reason}) }

// About tells the layers around w which torrent a request is about.
func About(w http.ResponseWriter, id infohash.ID) { tell(w, Outcome{InfoHash: id}) }

// tell calls each Observer among w and the writers that it wraps.
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

// Add copies the fields of next that are not zero.
func (o *Outcome) Add(next Outcome) {
	if next.Reason != "" {
		o.Reason = next.Reason
	}
	if !next.InfoHash.IsZero() {
		o.InfoHash = next.InfoHash
	}
}

// Label returns r as a label of a metric. The number of labels is bounded: OTHER stands for
// reasons that this program does not know, for example those of a newer server.
func Label(r reason.Reason) string {
	if !r.Known() {
		return "OTHER"
	}
	return string(r)
}
