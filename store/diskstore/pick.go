package diskstore

import "math"

// wasteDivisor says when a segment is worth compacting: once a tenth of it is
// not needed. So the whole store takes at most 1/9 more than what it holds, and
// winning a byte back costs the copying of nine.
const wasteDivisor = 10

// A crash leaves a short segment. So many, each shorter than SegmentSize over
// shortDivisor, are put together.
const (
	manyShort    = 8
	shortDivisor = 16
)

// pick returns the segment most worth compacting that is not among tried: what is
// due before all, the longest first, then the most wasteful.
func (c *compaction) pick(tried map[uint64]bool) (best uint64, found bool) {
	most, first := int64(math.MinInt64), int64(math.MaxInt64)
	list := c.store.segments.usages()
	// Once begun, all of them are put together.
	c.mergeShort = c.mergeShort || c.countShort(list) >= manyShort
	for _, u := range list {
		a := c.store.index.accounts.get(u.segment)
		waste := u.bytes - a.live
		if a.lastDrop+c.store.options.droppedStays() <= c.now {
			waste += a.drops
		}
		due := a.due
		if due == 0 || due > c.now {
			due = math.MaxInt64
			waste -= a.removed
		}
		worth := u.sealed && (waste*wasteDivisor > u.bytes || c.mergeShort && c.isShort(u))
		better := due < first || due == first && waste > most
		if (due <= c.now || worth) && !tried[u.segment] && better {
			best, found, most, first = u.segment, true, waste, due
		}
	}
	return best, found
}

func (c *compaction) countShort(list []usage) (n int) {
	for _, u := range list {
		if c.isShort(u) {
			n++
		}
	}
	return n
}

func (c *compaction) isShort(u usage) bool {
	return u.sealed && u.bytes < c.store.options.SegmentSize/shortDivisor
}
