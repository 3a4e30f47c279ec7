package diskstore

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// DropCause is the reason why torrents were dropped.
type DropCause string

// The causes of drops.
const (
	DropUnread DropCause = "unread" // not used for Options.DropUnreadAfter
	DropFull   DropCause = "full"   // the store was nearly full, see Options.Evict
)

// MinUnread is the least time that a torrent stays after its last use, unless it is removed.
const MinUnread = 7 * 24 * time.Hour

// dropBatch is how many torrents are dropped at a time, so that puts hardly wait.
const dropBatch = 256

// dropping drops victims in batches.
type dropping struct {
	store   *Store
	cause   DropCause
	rule    commit.MayGo
	victims []commit.Victim
	dropped int64
}

// add schedules a torrent for the next batch.
func (d *dropping) add(ctx context.Context, e *index.Entry) error {
	d.victims = append(d.victims, commit.Victim{ID: e.IDs.Primary(), Put: e.Put})
	if len(d.victims) < dropBatch {
		return nil
	}
	return d.flush(ctx)
}

// flush drops the scheduled torrents unless they were used meanwhile. The committer decides, so
// that every earlier put and recorded read counts.
func (d *dropping) flush(ctx context.Context) error {
	victims := d.victims
	d.victims = nil
	if len(victims) == 0 {
		return nil
	}
	dropped := 0
	size := format.RecordSize(0) * int64(len(victims))
	err := d.store.committer.Do(ctx, size, func(g *commit.Group) error {
		for _, v := range victims {
			gone, err := g.Drop(v, d.rule)
			if err != nil {
				return err
			}
			if gone {
				dropped++
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dropping torrents: %w", err)
	}
	d.dropped += int64(dropped)
	d.store.options.OnDrop(d.cause, dropped)
	return nil
}

// droppedStays is the least time for which the store remembers a drop: long enough for the
// followers of the feed.
const droppedStays = 30 * 24 * time.Hour

// droppedStays returns how long the store remembers a drop, in seconds.
func (o Options) droppedStays() int64 {
	return int64(max(o.DropUnreadAfter, droppedStays) / time.Second)
}

// isObsolete reports whether the record h of a drop is no longer needed. That is so if a later
// drop counts, or if the drop is old and no segment holds bytes of the torrent, which a rebuilt
// index would find.
func (s *Store) isObsolete(h *format.Header, now int64) (bool, error) {
	for _, id := range h.Names.IDs(h.IDs) {
		d, err := s.index.Dropped(id)
		if err != nil {
			return false, err
		}
		isThere := func(segment uint64) bool { return s.segments.Get(segment) != nil }
		young := h.Time+s.options.droppedStays() > now
		if d.Sequence <= h.Sequence && (young || d.Sequence == 0 || slices.ContainsFunc(d.Segments, isThere)) {
			return false, nil
		}
	}
	return true, nil
}

// droppedPeriod returns how long a dropped torrent is not copied from elsewhere.
func (o Options) droppedPeriod() time.Duration {
	if o.DropUnreadAfter == 0 {
		return droppedStays
	}
	return o.DropUnreadAfter
}

// Dropped returns, for each id in order, when its torrent was dropped. It is the zero time for
// torrents that are stored, or whose drop is older than [Options.DropUnreadAfter], or than 30
// days if that is zero. Callers that copy torrents from elsewhere use it, so that dropped
// torrents do not come back unrequested. Errors: ErrUnavailable, or ctx's error.
func (s *Store) Dropped(ctx context.Context, ids []infohash.ID) ([]time.Time, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	there, err := s.index.HasAll(ids)
	if err != nil {
		return nil, err
	}
	times := make([]time.Time, len(ids))
	since := s.options.Clock().Add(-s.options.droppedPeriod()).Unix()
	for i, id := range ids {
		if there[i].Found() {
			continue
		}
		d, err := s.index.Dropped(id)
		if err != nil {
			return nil, err
		}
		if d.Sequence != 0 && d.Time > since {
			times[i] = time.Unix(d.Time, 0).UTC()
		}
	}
	return times, nil
}

// checkRetention returns an error if the retention options of o contradict each other or are out
// of range.
func checkRetention(o Options) error {
	switch {
	case o.DropUnreadAfter != 0 && o.DropUnreadAfter < MinUnread:
		return fmt.Errorf("Options.DropUnreadAfter is %v; it must be at least %v", o.DropUnreadAfter, MinUnread)
	case o.Evict && o.MaxStoreSize < MinEvict:
		return fmt.Errorf("Options.Evict needs a MaxStoreSize of at least %d bytes", MinEvict)
	case o.Bounded != 0 && (o.Evict || o.DropUnreadAfter != 0):
		return fmt.Errorf("a bounded store drops unread torrents by itself: set neither Options.Evict nor Options.DropUnreadAfter")
	}
	return nil
}

// DropUnread drops, at once, the torrents not used for Options.DropUnreadAfter, which the store
// would drop within a day, and returns their number. Compaction takes their bytes off the disk.
// Errors: ErrFull if there is no room to record the drops, ErrUnavailable, or ctx's error.
func (s *Store) DropUnread(ctx context.Context) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	return s.dropUnread(ctx)
}

func (s *Store) dropUnread(ctx context.Context) (int64, error) {
	cutoff := s.cutoff(s.options.DropUnreadAfter)
	before, err := s.putBefore(cutoff + 1)
	if err != nil {
		return 0, err
	}
	d := &dropping{store: s, cause: DropUnread, rule: func(of commit.Class, used uint32) bool {
		return s.options.DropUnreadAfter > 0 && used <= cutoff && (of < commit.Keyed || s.options.DropKeyed)
	}}
	kept := oldest{store: s}
	err = s.eachUse(ctx, func(u lastUse) error {
		if u.entry.Put > before || !d.rule(commit.ClassOf(u.entry.Rank), u.read) {
			return kept.see(u)
		}
		return d.add(ctx, u.entry)
	})
	if err == nil {
		err = d.flush(ctx)
	}
	if err == nil {
		s.oldest.Store(kept.day)
	}
	if d.dropped > 0 {
		s.options.Logger.Info("unused torrents were dropped",
			slog.Int64("torrents", d.dropped), slog.Duration("for", s.options.DropUnreadAfter))
	}
	return d.dropped, err
}
