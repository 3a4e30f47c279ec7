package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// sought is what pages say of a torrent that is missing: whether it is looked for among peers, or
// can be.
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

// refresh has the page of a torrent that is looked for load itself again, or the page at an address;
// no script is needed.
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
