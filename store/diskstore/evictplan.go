package diskstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// ages divide torrents by the time since their last use, the oldest first. A torrent used more
// recently than the last age stays.
var ages = []time.Duration{64 * MinUnread, 32 * MinUnread, 16 * MinUnread, 8 * MinUnread, 4 * MinUnread, 2 * MinUnread, MinUnread}

// steps is the number of steps of an eviction: class by class, age by age.
const steps = int(commit.Classes) * 7

// eviction is a plan: the segments to empty, and the last step whose torrents are dropped.
type eviction struct {
	cutoffs  [steps / int(commit.Classes)]uint32 // the last day of each age
	before   [steps / int(commit.Classes)]uint64 // the highest sequence put by the end of that day
	keyed    bool
	last     int // the last step
	segments []uint64
}

// step returns the step of a torrent by its class and the index of its age.
func step(of commit.Class, age int) int { return int(of)*len(ages) + age }

// mayGo implements [mayGo].
func (l *eviction) mayGo(of commit.Class, used uint32) bool {
	if of == commit.Keyed && !l.keyed {
		return false
	}
	age := slices.IndexFunc(l.cutoffs[:], func(cutoff uint32) bool { return used <= cutoff })
	return age >= 0 && step(of, age) <= l.last
}

// stepOf returns the step in which u is dropped; false if it stays.
func (l *eviction) stepOf(u lastUse) (int, bool) {
	of := commit.ClassOf(u.entry.Rank)
	if of == commit.Keyed && !l.keyed {
		return 0, false
	}
	for age := range ages {
		if u.read <= l.cutoffs[age] && u.entry.Put <= l.before[age] {
			return step(of, age), true
		}
	}
	return 0, false
}

// planEviction plans to drop enough to come down to evictTo; the plan is empty if dropping frees
// nothing. It reads the whole index.
func (s *Store) planEviction(ctx context.Context) (*eviction, error) {
	l := &eviction{keyed: s.options.DropKeyed}
	for i, age := range ages {
		var err error
		l.cutoffs[i] = s.cutoff(age)
		if l.before[i], err = s.putBefore(l.cutoffs[i] + 1); err != nil {
			return nil, err
		}
	}
	gone := map[uint64]*[steps]int64{} // bytes of each step by segment
	err := s.eachUse(ctx, func(u lastUse) error {
		if i, goes := l.stepOf(u); goes {
			at := u.entry.At
			if gone[at.Segment] == nil {
				gone[at.Segment] = new([steps]int64)
			}
			gone[at.Segment][i] += format.RecordSize(int(at.Length))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.choose(s.emptiable(gone), s.used()-s.options.share(evictTo))
	return l, nil
}

// emptiable is a segment that eviction may empty.
type emptiable struct {
	id    uint64
	bytes int64
	waste int64         // bytes that nothing needs
	gone  *[steps]int64 // bytes that each step drops
}

func (s *Store) emptiable(gone map[uint64]*[steps]int64) (list []emptiable) {
	for _, u := range s.segments.Usages() {
		if !u.Sealed {
			continue
		}
		e := emptiable{id: u.Segment, bytes: u.Bytes, waste: u.Bytes - s.index.Account(u.Segment).Live, gone: gone[u.Segment]}
		e.waste -= s.index.Account(u.Segment).Removed
		if e.gone == nil {
			e.gone = new([steps]int64)
		}
		list = append(list, e)
	}
	return list
}

// freed returns the bytes that emptying e up to a step frees.
func (e *emptiable) freed(last int) int64 {
	n := e.waste
	for _, bytes := range e.gone[:last+1] {
		n += bytes
	}
	return n
}

// choose takes the fewest steps that free the wanted bytes. Within a class it first chooses
// segments of which more than half becomes free, and then those of which more than a tenth does,
// before it turns to the next class. The emptiest segments go first.
func (l *eviction) choose(list []emptiable, want int64) {
	for of := range commit.Classes {
		for _, part := range []int64{2, wasteDivisor} {
			for age := range ages {
				l.last = step(of, age)
				if l.take(list, want, part) {
					return
				}
			}
		}
	}
}

// take chooses segments of which more than one part in so many becomes free. It reports whether
// they free as much as is wanted.
func (l *eviction) take(list []emptiable, want, part int64) bool {
	slices.SortFunc(list, func(a, b emptiable) int {
		return cmp.Or(cmp.Compare(b.freed(l.last)*a.bytes, a.freed(l.last)*b.bytes), cmp.Compare(a.id, b.id))
	})
	l.segments = nil
	for _, e := range list {
		freed := e.freed(l.last)
		if want <= 0 || freed*part <= e.bytes {
			break
		}
		l.segments = append(l.segments, e.id)
		want -= freed
	}
	return want <= 0
}
