package diskstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// DropCause is why torrents were dropped.
type DropCause string

// The causes of drops.
const (
	DropUnread DropCause = "unread" // nobody used them for Options.DropUnreadAfter
	DropFull   DropCause = "full"   // the store was nearly full, see Options.Evict
)

// MinUnread is how long a torrent stays after its last use at least, whatever the options
// say, unless it is removed.
const MinUnread = 7 * 24 * time.Hour

// dropBatch bounds how many torrents are dropped at once: puts hardly wait for it.
const dropBatch = 256

// dropping drops victims in batches.
type dropping struct {
	store   *Store
	cause   DropCause
	rule    commit.MayGo
	victims []commit.Victim
	dropped int64
}

// add has a torrent dropped with the next batch.
func (d *dropping) add(ctx context.Context, e *index.Entry) error {
	d.victims = append(d.victims, commit.Victim{ID: e.IDs.Primary(), Put: e.Put})
	if len(d.victims) < dropBatch {
		return nil
	}
	return d.flush(ctx)
}

// flush drops those that were added and that nobody used meanwhile: the committer decides, so
// that every put and every read that was noted before it counts.
func (d *dropping) flush(ctx context.Context) error {
	victims := d.victims
	d.victims = nil
	if len(victims) == 0 {
		return nil
	}
	dropped := 0
	size := format.RecordSize(0) * int64(len(victims))
	err := d.store.committer.Do(ctx, size, func(g *commit.Group) (store.Outcome, error) {
		for _, v := range victims {
			gone, err := g.Drop(v, d.rule)
			if err != nil {
				return 0, err
			}
			if gone {
				dropped++
			}
		}
		return 0, nil
	})
	if err != nil {
		return fmt.Errorf("dropping torrents: %w", err)
	}
	d.dropped += int64(dropped)
	d.store.options.OnDrop(d.cause, dropped)
	return nil
}

// droppedStays is how long it is known at least that a torrent was dropped: long enough for
// those who follow the feed.
const droppedStays = 30 * 24 * time.Hour

// droppedStays returns how long it is known that a torrent was dropped, in seconds.
func (o Options) droppedStays() int64 {
	return int64(max(o.DropUnreadAfter, droppedStays) / time.Second)
}

// hasFaded reports whether nobody needs the word any more that h says of a drop: a later
// one counts, or it is old, and no segment has bytes of the torrent, which an index that is
// built anew would find.
func (s *Store) hasFaded(h *format.Header, now int64) (bool, error) {
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

// droppedPeriod returns for how long nobody copies from elsewhere what was dropped.
func (o Options) droppedPeriod() time.Duration {
	if o.DropUnreadAfter == 0 {
		return droppedStays
	}
	return o.DropUnreadAfter
}

// Dropped returns for each id, in order, when its torrent was dropped because nobody used it,
// or to make room; the zero time for those that are there, and those of which that is a
// period ago: [Options.DropUnreadAfter], or 30 days if that is zero. Whoever copies from
// elsewhere asks, lest what was dropped comes back unasked for. Errors: ErrUnavailable, or
// ctx's error.
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
