package work

import (
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// After what time a torrent that was not found is looked for again, if it is still wanted: twice as
// long after each time.
const (
	firstPause   = 10 * time.Minute
	longestPause = 24 * time.Hour
)

// maxAttempts bounds the torrents that are remembered: two generations of so many, with all that
// they need 16 MB.
const maxAttempts = 1 << 16

// attempts remembers what was looked for. It is safe for concurrent use.
type attempts struct {
	mu             sync.Mutex
	under          map[infohash.ID]bool    // under way or waiting; guarded by mu, as all below
	recent, before map[infohash.ID]attempt // before was recent until that was full
}

// attempt is what is remembered of a torrent that was not found.
type attempt struct {
	until time.Time // it is not looked for
	pause time.Duration
}

func newAttempts() *attempts {
	return &attempts{under: map[infohash.ID]bool{}, recent: map[infohash.ID]attempt{}}
}

// begin reports whether a torrent is to be looked for now. Call end when that is done.
func (a *attempts) begin(id infohash.ID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.under[id] || a.of(id).until.After(now) {
		return false
	}
	a.under[id] = true
	return true
}

// end notes what became of a torrent that was to be looked for.
func (a *attempts) end(id infohash.ID, found bool, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.under, id)
	if found {
		delete(a.recent, id)
		delete(a.before, id)
		return
	}
	pause := min(longestPause, max(firstPause, 2*a.of(id).pause))
	if len(a.recent) >= maxAttempts {
		a.before, a.recent = a.recent, map[infohash.ID]attempt{}
	}
	a.recent[id] = attempt{now.Add(pause), pause}
}

// leave takes back a begin.
func (a *attempts) leave(id infohash.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.under, id)
}

// of returns what is remembered of id; a.mu is held.
func (a *attempts) of(id infohash.ID) attempt {
	if found, ok := a.recent[id]; ok {
		return found
	}
	return a.before[id]
}
