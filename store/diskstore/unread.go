package diskstore

import (
	"context"
	"math"
	"sort"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// lastUse is a torrent of the index and when it was last used. A torrent that was put on
// the day of its last read, or later, has that put as its last use.
type lastUse struct {
	entry *index.Entry
	read  uint32 // the last day on which it was read, as far as that is known
}

// eachUse calls visit for every torrent that can be read, in the order of their primary ids.
// It reads the whole index. What changes meanwhile it may or may not see.
func (s *Store) eachUse(ctx context.Context, visit func(u lastUse) error) error {
	floor := s.accesses.Last(infohash.ID{})
	return s.index.EachRead(ctx, func(e *index.Entry, day uint32) error {
		return visit(lastUse{entry: e, read: max(floor, day)})
	})
}

// putBefore returns the highest sequence of which the feed says that it was given out before
// a day: a put with a higher one was made on that day or later, unless the clock was set
// back meanwhile.
func (s *Store) putBefore(day uint32) (uint64, error) {
	end := s.committer.Stats().Sequence
	var failed error
	n := sort.Search(int(min(end, math.MaxInt)), func(i int) bool {
		at, err := s.index.FirstAfter(uint64(i))
		if err != nil {
			failed = err
		}
		return failed != nil || at.IsZero() || commit.DayOf(at) >= day
	})
	return uint64(n), failed
}

// cutoff returns the last day that ended so long ago.
func (s *Store) cutoff(age time.Duration) uint32 {
	return max(commit.DayOf(s.options.Clock().Add(-age)), 1) - 1
}

// oldest finds the torrent that was used longest ago.
type oldest struct {
	store  *Store
	day    uint32 // of its last use; 0 if none was seen
	before uint64 // puts with a higher sequence were made on that day or later
}

// see takes u into account. It looks up the day of a put only if that may be older than all
// that it saw.
func (o *oldest) see(u lastUse) error {
	if o.day == 0 {
		o.day, o.before = math.MaxUint32, math.MaxUint64
	}
	if u.read >= o.day || u.entry.Put > o.before {
		return nil
	}
	put, err := o.store.index.FirstAfter(u.entry.Put - 1) // its own place in the feed
	if err != nil {
		return err
	}
	used := max(u.read, commit.DayOf(put))
	if used >= o.day {
		return nil
	}
	o.day = used
	o.before, err = o.store.putBefore(used)
	return err
}

// OldestUse returns the day of the last use of the torrent that was used longest ago, as its
// first second, UTC, as it was when the store last looked for what to drop. It is the zero time
// if it did not look since it was opened, or holds nothing.
func (s *Store) OldestUse() time.Time {
	on := s.oldest.Load()
	if on == 0 {
		return time.Time{}
	}
	return time.Unix(int64(on)*commit.Day, 0).UTC()
}

// Unread returns what nobody used for age, as [Options.DropUnreadAfter] counts it, for each rank
// of writers: fetched, anonymous, keyed, in this order. It reads the whole index. Errors:
// ErrUnavailable, ErrDamaged, or ctx's error.
func (s *Store) Unread(ctx context.Context, age time.Duration) ([]store.Unread, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	cutoff := s.cutoff(age)
	before, err := s.putBefore(cutoff + 1)
	if err != nil {
		return nil, err
	}
	counts := [commit.Classes]store.Unread{{Rank: store.RankFetched}, {Rank: store.RankAnonymous}, {Rank: store.RankKeyed}}
	var used [commit.Classes]oldest
	for i := range used {
		used[i].store = s
	}
	err = s.eachUse(ctx, func(u lastUse) error {
		if u.entry.Put > before || u.read > cutoff {
			return nil
		}
		// What was read in the last minute may not be in the index yet.
		if u.read = max(u.read, s.accesses.Last(u.entry.IDs.Primary())); u.read > cutoff {
			return nil
		}
		of := commit.ClassOf(u.entry.Rank)
		counts[of].Torrents++
		counts[of].Bytes += int64(u.entry.At.Length)
		return used[of].see(u)
	})
	if err != nil {
		return nil, err
	}
	for i := range counts {
		if counts[i].Torrents > 0 {
			counts[i].Oldest = time.Unix(int64(used[i].day)*commit.Day, 0).UTC()
		}
	}
	return counts[:], nil
}
