package diskstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// A store that evicts begins at commit.EvictFrom hundredths of its MaxStoreSize, and makes room down
// to evictTo.
const (
	evictTo       = 90
	evictSegments = 64 // so many at least make MaxStoreSize

	// MinEvict is the least MaxStoreSize in bytes of a store that evicts.
	MinEvict = 64 << 20
)

// wakeSoon is how much later eviction looks again that found nothing to drop.
const wakeSoon = 10 * time.Minute

// share returns so many hundredths of MaxStoreSize.
func (o Options) share(hundredths int64) int64 { return o.MaxStoreSize / 100 * hundredths }

// used returns the bytes that the store takes, with all that the active segment may get.
func (s *Store) used() int64 {
	return s.segments.SealedBytes(s.committer.Stats().Segment) + s.options.SegmentSize + s.index.DiskUsed() + s.spare.Size()
}

// mustEvict reports whether the store is so full that it makes room.
func (s *Store) mustEvict() bool {
	return s.options.Evict && s.used() > s.options.share(commit.EvictFrom)
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
	seg := s.segments.Get(id)
	if seg == nil {
		return nil
	}
	_, err := seg.Walk(ctx, s.id, format.SegmentStart, s.segments.End(seg), func(_ vfs.File, h *format.Header, at int64) error {
		e, needed, err := commit.IsNeeded(s.index.Get, h, format.Place{Segment: id, Offset: at})
		if err != nil || !needed || !h.IsPut() || !e.Visible() {
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
