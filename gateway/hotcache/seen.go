package hotcache

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/infohash"
)

// seen knows which ids were asked for lately and not kept: as many of the last ones
// as it has slots, roughly. What a crawler takes once is then asked of the backend
// and costs the cache nothing: it is neither hashed nor copied, and displaces
// nothing. It is safe for concurrent use.
type seen struct {
	seed  maphash.Seed
	slots []atomic.Uint32 // a fingerprint each; the latest in a slot wins
}

// seenWeight makes the number of slots, in bytes of the cache for each: fewer than
// entries of a usual size. Of n ids asked for evenly a slot has n / slots, of which the
// next one is the same one time in as many: with a cache for a tenth of 20 KB torrents
// one miss in twenty is kept then. What is worth its place is asked for more often.
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
