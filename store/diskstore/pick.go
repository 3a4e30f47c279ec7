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

// pick returns the segment most worth compacting that is not among tried.
func (c *compaction) pick(tried map[uint64]bool) (best uint64, found bool) {
	most := int64(math.MinInt64)
	list := c.store.segments.usages()
	// Once begun, all of them are put together.
	c.mergeShort = c.mergeShort || c.countShort(list) >= manyShort
	for _, u := range list {
		a := c.store.index.accounts.get(u.segment)
		waste := u.bytes - a.live
		isDue := a.due != 0 && a.due <= c.now
		if !isDue {
			waste -= a.removed
		}
		worth := u.sealed && (waste*wasteDivisor > u.bytes || c.mergeShort && c.isShort(u))
		if (isDue || worth) && !tried[u.segment] && waste > most {
			best, found, most = u.segment, true, waste
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
