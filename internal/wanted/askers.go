package wanted

import (
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// maxAskers bounds the torrents of which one asker is remembered: two generations of so many, with
// all that they need 6 MB.
const maxAskers = 1 << 15

// saltFor is how long askers are told apart by the same salt. What was noted by it goes with it.
const saltFor = 24 * time.Hour

// askers remembers who asked for what first, by a hash. The zero value is ready.
type askers struct {
	salt           maphash.Seed
	salted         time.Time
	recent, before map[infohash.ID]uint64 // before was recent until that was full
}

// second reports whether a caller of another network has asked for id, today, before this one.
func (a *askers) second(id infohash.ID, from netip.Prefix, now time.Time) bool {
	if now.Sub(a.salted) >= saltFor {
		*a = askers{salt: maphash.MakeSeed(), salted: now, recent: map[infohash.ID]uint64{}}
	}
	asker := maphash.Comparable(a.salt, from)
	first, known := a.recent[id]
	if !known {
		first, known = a.before[id]
	}
	if known {
		return first != asker
	}
	if len(a.recent) >= maxAskers {
		a.before, a.recent = a.recent, map[infohash.ID]uint64{}
	}
	a.recent[id] = asker
	return false
}
