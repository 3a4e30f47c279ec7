package diskstore

import (
	"context"
	"log/slog"
	"math"
	"sort"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// NoteRead records that a client got the torrent with these ids, now. It does no I/O. Call it
// for every read that shall count as a use for [Options.DropUnreadAfter].
func (s *Store) NoteRead(ids infohash.Set) { s.accesses.Note(ids, s.options.Clock()) }

// noteAccesses writes the waiting accesses into the index; they keep waiting while the index
// takes no writes. It bypasses the committer, since nothing else sets these keys.
func (s *Store) noteAccesses() (noted bool) {
	s.noting.Lock()
	defer s.noting.Unlock()
	if x := s.index; x.Err() != nil || x.WriteError() != nil || x.FlushError() != nil {
		return false
	}
	days, floor := s.accesses.Begin()
	if len(days) == 0 && floor == 0 {
		s.accesses.End(floor, true)
		return false
	}
	err := s.index.SetAccesses(days, floor)
	s.accesses.End(floor, err == nil)
	if err != nil {
		s.options.Logger.Error("cannot record the days of access; it will be tried again", slog.Any("error", err))
	}
	return err == nil
}

// startAccesses reads the day since which everything counts as used.
func (s *Store) startAccesses() error {
	floor, err := s.index.Access(infohash.ID{})
	if err != nil {
		return err
	}
	s.accesses.Start(floor, commit.DayOf(s.options.Clock()))
	return nil
}

// flushAccessesEvery is how old an access gets before it is on disk. A kill may lose later
// accesses.
const flushAccessesEvery = 10 * time.Minute

// keepAccesses writes accesses into the index every minute, and flushes the index to disk every
// flushAccessesEvery, until ctx ends.
func (s *Store) keepAccesses(ctx context.Context) {
	ticker := time.NewTicker(compactEvery)
	defer ticker.Stop()
	dirty, flushed := false, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.accesses.Filled():
		case <-ticker.C:
		}
		dirty = s.noteAccesses() || dirty
		if !dirty || time.Since(flushed) < flushAccessesEvery {
			continue
		}
		dirty, flushed = false, time.Now()
		if _, err := s.index.Flush(); err != nil {
			s.options.Logger.Error("the index could not be flushed", slog.Any("error", err))
		}
	}
}

// LastAccess returns the first second, UTC, of the day on which the torrent with id was last
// read, by [Store.NoteRead], or put again. It is the zero time if that is unknown: the torrent
// was never read, or not since the index was rebuilt. Errors: ErrNotFound, ErrUnavailable.
func (s *Store) LastAccess(ctx context.Context, id infohash.ID) (time.Time, error) {
	if err := s.enter(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.leave()
	e, err := s.index.Get(id)
	if err != nil {
		return time.Time{}, err
	}
	if e == nil || e.At.IsZero() {
		return time.Time{}, store.ErrNotFound
	}
	on := s.accesses.Noted(e.IDs.Primary())
	known, err := s.index.Access(e.IDs.Primary())
	if on = max(on, known); err != nil || on == 0 {
		return time.Time{}, err
	}
	return time.Unix(int64(on)*commit.Day, 0).UTC(), nil
}

// lastUse is a torrent of the index and its last read. If the torrent was put on that day or
// later, the put is its last use.
type lastUse struct {
	entry *index.Entry
	read  uint32 // last known day of a read
}

// eachUse calls visit for every readable torrent, in the order of primary ids. It reads the
// whole index and may or may not see concurrent changes.
func (s *Store) eachUse(ctx context.Context, visit func(u lastUse) error) error {
	floor := s.accesses.Last(infohash.ID{})
	return s.index.EachRead(ctx, func(e *index.Entry, day uint32) error {
		return visit(lastUse{entry: e, read: max(floor, day)})
	})
}

// putBefore returns the highest sequence that the feed dates before a day. A put with a higher
// sequence was made on that day or later, unless the clock was set back meanwhile.
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

// cutoff returns the last day that ended at least age ago.
func (s *Store) cutoff(age time.Duration) uint32 {
	return max(commit.DayOf(s.options.Clock().Add(-age)), 1) - 1
}

// oldest finds the least recently used torrent.
type oldest struct {
	store  *Store
	day    uint32 // of its last use; 0 before the first torrent
	before uint64 // puts with a higher sequence were made on that day or later
}

// see takes u into account. It looks up the day of a put only if that day may be older than the
// oldest so far.
func (o *oldest) see(u lastUse) error {
	if o.day == 0 {
		o.day, o.before = math.MaxUint32, math.MaxUint64
	}
	if u.read >= o.day || u.entry.Put > o.before {
		return nil
	}
	put, err := o.store.index.FirstAfter(u.entry.Put - 1) // the entry of the put itself
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

// OldestUse returns the first second, UTC, of the last day on which the least recently used torrent
// was used, as of the last look for torrents to drop. It is the zero time if the store has not
// looked since it was opened, or is empty.
func (s *Store) OldestUse() time.Time {
	on := s.oldest.Load()
	if on == 0 {
		return time.Time{}
	}
	return time.Unix(int64(on)*commit.Day, 0).UTC()
}

// Unread returns, for each rank of writers (fetched, anonymous, keyed, in this order), the
// torrents that were not used for age, as [Options.DropUnreadAfter] counts uses. It reads the
// whole index. Errors: ErrUnavailable, ErrDamaged, or ctx's error.
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
		// The index may lack reads of the last minute.
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
