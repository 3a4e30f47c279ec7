package diskstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// Compact wins back, at once and as fast as it can, what compaction in the
// background would within a day: the space of removed torrents, which then
// cannot be restored but only put again, and of segments of which enough is
// replaced. It waits for a Backup to end.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	return s.compact(ctx, &compaction{store: s, ahead: commit.RemovedStays, pace: newPace(0)})
}

// compact does all work there is.
func (s *Store) compact(ctx context.Context, c *compaction) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	var errs []error
	tried := map[uint64]bool{} // a segment is not tried twice, so this ends
	for {
		c.now = s.options.Clock().Add(c.ahead).Unix()
		id, found := c.pick(tried)
		if !found || ctx.Err() != nil || s.Err() != nil {
			return errors.Join(append(errs, ctx.Err())...)
		}
		tried[id] = true
		// One that cannot be read does not keep the others from being compacted.
		errs = append(errs, c.inTime(id).segment(ctx, id))
		if c.yields != nil && c.yields() {
			return errors.Join(errs...)
		}
	}
}

// takeTurn waits until nobody else compacts or makes a backup.
func (s *Store) takeTurn(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) endTurn() { <-s.turn }

// compaction moves what is needed out of segments and takes them away.
type compaction struct {
	store *Store
	ahead time.Duration // removed bytes that will be due then go too
	now   int64         // removed bytes that are due by then go, in seconds since 1970
	pace  *pace

	mergeShort bool        // short segments are put together
	yields     func() bool // whether something else is more urgent than the next segment; nil: nothing is
}

// lateAfter is how long a segment may be due before it is compacted as fast as
// that goes: the pace must not keep removed bytes longer than a day.
const lateAfter = 6 * time.Hour

// inTime returns c, without its pace if the segment is late.
func (c *compaction) inTime(id uint64) *compaction {
	due := c.store.index.Account(id).Due
	if due == 0 || due+int64(lateAfter/time.Second) > c.now {
		return c
	}
	hurried := *c
	hurried.pace = newPace(0)
	return &hurried
}

// segment compacts one segment, and before it those that cannot stay without
// it. One that is gone, or never was, is done.
func (c *compaction) segment(ctx context.Context, id uint64) error {
	seg := c.store.segments.Get(id)
	if seg == nil {
		return nil
	}
	if err := c.seal(ctx, seg); err != nil || !c.store.segments.IsSealed(seg) {
		return err // one that is not sealed then is empty
	}
	// The header of this segment says what is void of the one before.
	if before := c.store.segments.Get(seg.Header.Previous); before != nil && before.Size > seg.Header.PreviousEnd {
		if err := c.segment(ctx, before.ID); err != nil {
			return err
		}
	}
	if err := c.store.roomToCompact(seg); err != nil {
		return err
	}
	if err := c.empty(ctx, seg); err != nil {
		return fmt.Errorf("compacting segment %d: %w", id, err)
	}
	return c.store.retire(ctx, seg)
}

// seal begins another segment if seg is the active one.
func (c *compaction) seal(ctx context.Context, seg *log.Segment) error {
	if c.store.segments.IsSealed(seg) {
		return nil
	}
	return c.store.committer.RollOver(ctx)
}

// empty copies what seg holds that is needed to the end of the log.
func (c *compaction) empty(ctx context.Context, seg *log.Segment) error {
	batch := &copies{compaction: c}
	left, err := seg.Walk(ctx, c.store.id, format.SegmentStart, c.store.segments.End(seg), func(file vfs.File, h *format.Header, at int64) error {
		return batch.add(ctx, file, h, format.Place{Segment: seg.ID, Offset: at, Length: h.Length})
	})
	if err == nil && len(left) > 0 {
		err = batch.addGaps(ctx, seg.ID, left, false)
	}
	if err != nil {
		return err
	}
	return batch.flush(ctx)
}

// retire takes an empty segment away. The index must not be able to lose the
// moves any more, which copies prove, nor the removals, which nothing proves.
func (s *Store) retire(ctx context.Context, seg *log.Segment) error {
	if err := s.forgetSegment(ctx, seg.ID); err != nil {
		return err
	}
	if err := s.index.Sync(ctx); err != nil {
		return err
	}
	if err := s.segments.Retire(seg); err != nil {
		return fmt.Errorf("%w: removing segment %d: %w", store.ErrUnavailable, seg.ID, err)
	}
	s.options.Logger.Debug("segment compacted", slog.Uint64("segment", seg.ID))
	return nil
}

// forgetSegment takes the account of a segment away, and notes that it goes: but for a
// bounded store, which must not need room to make room.
func (s *Store) forgetSegment(ctx context.Context, id uint64) error {
	if s.options.Bounded == 0 {
		return s.noteRetired(ctx, id, commit.Spans.With)
	}
	return s.committer.Do(ctx, 0, func(g *commit.Group) (store.Outcome, error) {
		g.ForgetAccount(id)
		return 0, nil
	})
}

// roomToCompact refuses to compact if the copies could take the last of the
// disk, which the index needs.
func (s *Store) roomToCompact(seg *log.Segment) error {
	keep := s.options.MinFreeSpace
	if keep > 0 {
		keep /= 4
	}
	return files.CheckFree(s.options.FS, s.options.Dir, keep, s.index.Account(seg.ID).Live)
}

// untilClosing returns a context that ends with ctx or when Close is called.
func (s *Store) untilClosing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.closing, func() { cancel(fmt.Errorf("%w: closing", store.ErrUnavailable)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

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
	list := c.store.segments.Usages()
	// Once begun, all of them are put together.
	c.mergeShort = c.mergeShort || c.countShort(list) >= manyShort
	for _, u := range list {
		a := c.store.index.Account(u.Segment)
		waste := u.Bytes - a.Live
		if a.LastDrop+c.store.options.droppedStays() <= c.now {
			waste += a.Drops
		}
		due := a.Due
		if due == 0 || due > c.now {
			due = math.MaxInt64
			waste -= a.Removed
		}
		worth := u.Sealed && (waste*wasteDivisor > u.Bytes || c.mergeShort && c.isShort(u))
		better := due < first || due == first && waste > most
		if (due <= c.now || worth) && !tried[u.Segment] && better {
			best, found, most, first = u.Segment, true, waste, due
		}
	}
	return best, found
}

func (c *compaction) countShort(list []log.Usage) (n int) {
	for _, u := range list {
		if c.isShort(u) {
			n++
		}
	}
	return n
}

func (c *compaction) isShort(u log.Usage) bool {
	return u.Sealed && u.Bytes < c.store.options.SegmentSize/shortDivisor
}
