package web

import (
	"strconv"
	"time"
)

// Retention is how long a server keeps torrents that nobody removes.
type Retention struct {
	DropUnreadAfter time.Duration // after the last download or upload; 0: for ever
	Evicts          bool          // what was used longest ago makes room when the server is full
}

// Text is the retention as a sentence or two, for people.
func (r Retention) Text() string {
	const evicts = "when the server is full, what was used longest ago makes room, a week after that at the earliest."
	days := strconv.FormatFloat(r.DropUnreadAfter.Hours()/24, 'f', -1, 64)
	switch {
	case r.DropUnreadAfter > 0 && r.Evicts:
		return "What nobody downloads or uploads for " + days + " days is dropped; " + evicts
	case r.DropUnreadAfter > 0:
		return "What nobody downloads or uploads for " + days + " days is dropped."
	case r.Evicts:
		return "Nothing is dropped for its age; " + evicts
	}
	return "Nothing is dropped for its age, nor to make room."
}
