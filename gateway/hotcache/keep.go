package hotcache

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// mayKeep reports whether a load of id that begins now may be kept. Call it within the load, which
// an Invalidate ends.
func (c *Cache) mayKeep(id infohash.ID) bool { return !c.settling.has(id) && c.admits(id) }

// admits reports whether the cache keeps the entry of id. A full cache keeps only ids that were
// asked for twice.
func (c *Cache) admits(id infohash.ID) bool { return !c.full.Load() || c.seen.again(id) }

// seen remembers roughly as many of the ids that were lately asked for and not kept as it has
// slots. A torrent that a crawler takes once then costs the cache nothing: it is neither hashed
// nor copied, and displaces nothing. seen is safe for concurrent use.
type seen struct {
	seed  maphash.Seed
	slots []atomic.Uint32 // a fingerprint each; the latest in a slot wins
}

// seenWeight is how many bytes of the cache there are for each slot: there are fewer slots than
// entries of a usual size. If n ids are requested equally often, n / slots of them share a slot,
// and one in n / slots of the requests for a slot repeats the id of the one before. With a cache
// that holds a tenth of all torrents, of 20 KB each, one miss in twenty is then kept. Torrents that
// are worth their place are asked for more often.
const seenWeight = 64 << 10

// newSeen returns a seen for a cache of size bytes.
func newSeen(size int64) *seen {
	n := 1 << bits.Len64(uint64(size/seenWeight))
	return &seen{seed: maphash.MakeSeed(), slots: make([]atomic.Uint32, n)}
}

// again notes id and reports whether it was noted before.
func (s *seen) again(id infohash.ID) bool {
	h := maphash.Comparable(s.seed, id)
	slot, print := &s.slots[h%uint64(len(s.slots))], uint32(h>>32)|1 // 0 is an empty slot
	if slot.Load() == print {
		return true
	}
	slot.Store(print)
	return false
}

// settling remembers the torrents that changed less than span ago. One of several backends may
// still answer with the state before the change, and the feed tells of the change only once. So the
// cache does not keep answers about these torrents. settling is safe for concurrent use.
type settling struct {
	mu             sync.Mutex    // guards the fields after span
	span           time.Duration // 0: backends know of a change before the feed tells of it
	recent, before map[infohash.ID]bool
	turned         time.Time // when recent became before
	all            time.Time // when any torrent may have changed
}

// note notes that ids changed now.
func (s *settling) note(ids []infohash.ID) {
	if s.span == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	for _, id := range ids {
		s.recent[id] = true
	}
}

// noteAll notes that any torrent may have changed now.
func (s *settling) noteAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = time.Now()
}

// has reports whether id changed less than span ago. It may also return true for ids that changed
// less than twice span ago.
func (s *settling) has(id infohash.ID) bool {
	if s.span == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	return s.recent[id] || s.before[id] || time.Since(s.all) < s.span
}

// turn forgets the ids that have settled. The caller holds s.mu.
func (s *settling) turn() {
	age := time.Since(s.turned)
	if age < s.span {
		return
	}
	s.before = nil
	if age < 2*s.span {
		s.before = s.recent
	}
	s.recent, s.turned = map[infohash.ID]bool{}, time.Now()
}
