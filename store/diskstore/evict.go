package diskstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// A store that evicts begins at evictFrom hundredths of its MaxStoreSize, and makes room down
// to evictTo. Puts that do not make it evict are refused from evictFrom on, all others where
// there is no room for evictRoom more segments, which compaction may need meanwhile.
const (
	evictFrom     = 95
	evictTo       = 90
	evictSegments = 64 // so many at least make MaxStoreSize
	evictRoom     = 2

	// MinEvict is the least MaxStoreSize in bytes of a store that evicts.
	MinEvict = 64 << 20
)

// wakeSoon is how much later eviction looks again that found nothing to drop.
const wakeSoon = 10 * time.Minute

// share returns so many hundredths of MaxStoreSize.
func (o Options) share(hundredths int64) int64 { return o.MaxStoreSize / 100 * hundredths }

// used returns the bytes that the store takes, with all that the active segment may get.
func (s *Store) used() int64 {
	return s.segments.sealedBytes(s.committer.stats().segment) + s.options.SegmentSize + s.index.diskUsed() + s.spare.size()
}

// mustEvict reports whether the store is so full that it makes room.
func (s *Store) mustEvict() bool {
	return s.options.Evict && s.used() > s.options.share(evictFrom)
}

// isTimeToEvict reports whether the store makes room now, if it did not look in vain lately.
func (s *Store) isTimeToEvict(t *tending) bool {
	return s.mustEvict() && (!s.stuck.Load() || time.Since(t.looked) >= wakeSoon)
}

// evictInTime evicts if it is time to.
func (s *Store) evictInTime(ctx context.Context, t *tending) error {
	switch {
	case !s.mustEvict():
		s.stuck.Store(false)
		return nil
	case !s.isTimeToEvict(t):
		return nil
	}
	t.looked = time.Now()
	found, err := s.evict(ctx)
	s.stuck.Store(!found)
	return err
}

// evict makes room, by dropping what was not used lately from the segments that have little
// else, which are then compacted. It reports whether there was anything to drop.
func (s *Store) evict(ctx context.Context) (found bool, err error) {
	if err := s.takeTurn(ctx); err != nil {
		return false, err
	}
	defer s.endTurn()
	for before := int64(math.MaxInt64); s.mustEvict() && s.used() < before; {
		before = s.used()
		list, err := s.planEviction(ctx)
		if err != nil || len(list.segments) == 0 {
			return found, err
		}
		found = true
		if err := s.evictAll(ctx, list); err != nil {
			return found, err
		}
	}
	return found, nil
}

// evictAll does what list says.
func (s *Store) evictAll(ctx context.Context, list *eviction) error {
	d := &dropping{store: s, cause: DropFull, rule: list.mayGo}
	var errs []error
	for _, segment := range list.segments {
		// One that cannot be read does not keep the others from being emptied.
		if err := s.evictSegment(ctx, d, segment); err != nil {
			errs = append(errs, fmt.Errorf("segment %d: %w", segment, err))
		}
	}
	s.options.Logger.Info("torrents were dropped to make room",
		slog.Int64("torrents", d.dropped), slog.Int("segments", len(list.segments)))
	return errors.Join(errs...)
}

// evictSegment drops what may go from a segment, and compacts it.
func (s *Store) evictSegment(ctx context.Context, d *dropping, id uint64) error {
	seg := s.segments.get(id)
	if seg == nil {
		return nil
	}
	_, err := s.walk(ctx, seg, s.segments.end(seg), func(_ vfs.File, h *format.Header, at int64) error {
		e, needed, err := isNeeded(s.index.get, h, location{segment: id, offset: at})
		if err != nil || !needed || !h.IsPut() || !e.visible() {
			return err
		}
		return d.add(ctx, e)
	})
	if err == nil {
		err = d.flush(ctx)
	}
	if err != nil {
		return err
	}
	c := &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}
	return c.segment(ctx, id)
}

// ages are how long ago torrents were last used, from what was used longest ago on: what was
// used less than the last of them ago does not go.
var ages = []time.Duration{64 * MinUnread, 32 * MinUnread, 16 * MinUnread, 8 * MinUnread, 4 * MinUnread, 2 * MinUnread, MinUnread}

// steps is how many steps there are in which torrents go: class by class, age by age.
const steps = int(classes) * 7

// eviction is what is to be dropped: in some segments, up to a step.
type eviction struct {
	cutoffs  [steps / int(classes)]uint32 // the last day of each age
	before   [steps / int(classes)]uint64 // the highest sequence that was put on that day
	keyed    bool
	last     int // the step
	segments []uint64
}

// step returns that of a torrent of a class which was last used in the age with an index.
func step(of class, age int) int { return int(of)*len(ages) + age }

// mayGo implements [mayGo].
func (l *eviction) mayGo(of class, used uint32) bool {
	if of == keyed && !l.keyed {
		return false
	}
	age := slices.IndexFunc(l.cutoffs[:], func(cutoff uint32) bool { return used <= cutoff })
	return age >= 0 && step(of, age) <= l.last
}

// stepOf returns the step in which u goes; false if it stays.
func (l *eviction) stepOf(u lastUse) (int, bool) {
	of := classOf(u.entry.rank)
	if of == keyed && !l.keyed {
		return 0, false
	}
	for age := range ages {
		if u.read <= l.cutoffs[age] && u.entry.put <= l.before[age] {
			return step(of, age), true
		}
	}
	return 0, false
}

// planEviction says what is to be dropped to come down to evictTo: nothing if that wins
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
			at := u.entry.at
			if gone[at.segment] == nil {
				gone[at.segment] = new([steps]int64)
			}
			gone[at.segment][i] += format.RecordSize(int(at.length))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.choose(s.emptiable(gone), s.used()-s.options.share(evictTo))
	return l, nil
}

// emptiable is a segment that eviction may take.
type emptiable struct {
	id    uint64
	bytes int64
	waste int64         // that nothing needs
	gone  *[steps]int64 // by step
}

func (s *Store) emptiable(gone map[uint64]*[steps]int64) (list []emptiable) {
	for _, u := range s.segments.usages() {
		if !u.sealed {
			continue
		}
		e := emptiable{id: u.segment, bytes: u.bytes, waste: u.bytes - s.index.accounts.get(u.segment).live, gone: gone[u.segment]}
		e.waste -= s.index.accounts.get(u.segment).removed
		if e.gone == nil {
			e.gone = new([steps]int64)
		}
		list = append(list, e)
	}
	return list
}

// freed returns the bytes that emptying e up to a step wins.
func (e *emptiable) freed(last int) int64 {
	n := e.waste
	for _, bytes := range e.gone[:last+1] {
		n += bytes
	}
	return n
}

// choose takes as few steps as win so many bytes: of a class at first from segments of which
// half is not needed then, failing that from those of which a tenth is not, before it takes of
// the next class. The emptiest segments go first.
func (l *eviction) choose(list []emptiable, want int64) {
	for of := range classes {
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

// take chooses segments of which one part in so many can be won, and reports whether that is
// as much as is wanted.
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
