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

	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// Compact does at once, and at full speed, the work that background compaction would do within a
// day. It reclaims the space of removed torrents, which can then no longer be restored, and of
// segments with enough replaced records. It waits for a running Backup.
func (s *Store) Compact(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	return s.compact(ctx, &compaction{store: s, ahead: commit.RemovedStays})
}

// compact compacts until no segment is worth it.
func (s *Store) compact(ctx context.Context, c *compaction) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	var errs []error
	tried := map[uint64]bool{} // no segment is tried twice, so the loop ends
	for {
		c.now = s.options.Clock().Add(c.ahead).Unix()
		id, found := c.pick(tried)
		if !found || ctx.Err() != nil || s.Err() != nil {
			return errors.Join(append(errs, ctx.Err())...)
		}
		tried[id] = true
		// An unreadable segment does not stop the others from being compacted.
		errs = append(errs, c.inTime(id).segment(ctx, id))
		if c.yields != nil && c.yields() {
			return errors.Join(errs...)
		}
	}
}

// takeTurn waits until no other compaction or backup runs.
func (s *Store) takeTurn(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) endTurn() { <-s.turn }

// compaction moves the needed records out of segments and deletes the segments.
type compaction struct {
	store *Store
	ahead time.Duration // removed bytes due by now+ahead go, too
	now   int64         // removed bytes due by then go; Unix seconds
	pace  *wait.Pace

	mergeTo uint64      // the last segment that is merged if it is short; 0: none
	yields  func() bool // reports whether other work is more urgent than the next segment; may be nil
}

// lateAfter is how long a segment may be due before it is compacted at full speed: the pace must
// not keep removed bytes longer than a day.
const lateAfter = 6 * time.Hour

// inTime returns c, without its pace if the segment is late.
func (c *compaction) inTime(id uint64) *compaction {
	due := c.store.index.Account(id).Due
	if due == 0 || due+int64(lateAfter/time.Second) > c.now {
		return c
	}
	hurried := *c
	hurried.pace = nil
	return &hurried
}

// segment compacts one segment, and first those that cannot stay without it. A segment that does
// not exist is done already.
func (c *compaction) segment(ctx context.Context, id uint64) error {
	seg := c.store.segments.Get(id)
	if seg == nil {
		return nil
	}
	if err := c.seal(ctx, seg); err != nil || !c.store.segments.IsSealed(seg) {
		return err // a segment that is still not sealed is empty
	}
	// The header of this segment says which end of the previous one is void.
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

// empty copies the needed records of seg to the end of the log.
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

// retire deletes an empty segment. First the index must be durable up to the copies of its
// records and the removals in it, since no segment would hold the proof any more.
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

// forgetSegment deletes the account of a segment and records that the segment goes. For a
// bounded store it records nothing, because making room must not need room.
func (s *Store) forgetSegment(ctx context.Context, id uint64) error {
	if s.options.Bounded == 0 {
		return s.noteRetired(ctx, id, commit.Spans.With)
	}
	return s.committer.Do(ctx, 0, func(g *commit.Group) error {
		g.ForgetAccount(id)
		return nil
	})
}

// roomToCompact returns an error if the copies could take the last space on the disk, which the
// index needs.
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

// wasteDivisor says when a segment is worth compacting: once a tenth of it is not needed. So the
// store takes at most 1/9 more space than its content, and reclaiming a byte costs copying nine.
const wasteDivisor = 10

// A crash leaves a short segment. When there are manyShort segments shorter than
// SegmentSize/shortDivisor, they are merged.
const (
	manyShort    = 8
	shortDivisor = 2
)

// pick returns the segment most worth compacting that is not in tried: first those that are due,
// the longest due first, then the most wasteful.
func (c *compaction) pick(tried map[uint64]bool) (best uint64, found bool) {
	most, first := int64(math.MinInt64), int64(math.MaxInt64)
	list := c.store.segments.Usages()
	// A merge covers all short segments that exist when it begins. The resulting segments may be
	// short again, for example when two that are nearly half full do not fit into one.
	if c.mergeTo == 0 && c.countShort(list) >= manyShort {
		c.mergeTo = slices.MaxFunc(list, func(a, b log.Usage) int { return cmp.Compare(a.Segment, b.Segment) }).Segment
	}
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
		worth := u.Sealed && (waste*wasteDivisor > u.Bytes || u.Segment <= c.mergeTo && c.isShort(u))
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
