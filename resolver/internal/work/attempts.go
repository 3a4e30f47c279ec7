package work

import (
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// A torrent that was not found is looked for again after a pause, if it is still wanted. The
// pause doubles after each failure, up to longestPause.
const (
	firstPause   = 10 * time.Minute
	longestPause = 24 * time.Hour
)

// maxAttempts bounds each of the two generations of remembered torrents. Two full ones take 16 MB.
const maxAttempts = 1 << 16

// attempts remembers the torrents that are being looked for or were not found. It is safe for
// concurrent use.
type attempts struct {
	mu             sync.Mutex
	under          map[infohash.ID]bool    // under way or waiting; guarded by mu, as all below
	recent, before map[infohash.ID]attempt // before was recent until that was full
}

// attempt describes a torrent that was not found.
type attempt struct {
	until time.Time // when the torrent may be looked for again
	pause time.Duration
}

func newAttempts() *attempts {
	return &attempts{under: map[infohash.ID]bool{}, recent: map[infohash.ID]attempt{}}
}

// begin reports whether a torrent is to be looked for now. If so, the caller must call end or
// leave afterwards.
func (a *attempts) begin(id infohash.ID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.under[id] || a.of(id).until.After(now) {
		return false
	}
	a.under[id] = true
	return true
}

// end records the result of a torrent that begin admitted.
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

// leave undoes begin for a torrent that will not be looked for.
func (a *attempts) leave(id infohash.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.under, id)
}

// of returns the last attempt for id, or a zero one. The caller holds a.mu.
func (a *attempts) of(id infohash.ID) attempt {
	if found, ok := a.recent[id]; ok {
		return found
	}
	return a.before[id]
}
