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

// A store with Options.Evict begins to evict at commit.EvictFrom hundredths of its MaxStoreSize,
// and evicts down to evictTo hundredths.
const (
	evictTo       = 90
	evictSegments = 64 // the least number of segments in MaxStoreSize

	// MinEvict is the least MaxStoreSize in bytes of a store that evicts.
	MinEvict = 64 << 20
)

// wakeSoon is how long eviction waits after it found nothing to drop.
const wakeSoon = 10 * time.Minute

// share returns so many hundredths of MaxStoreSize, in bytes.
func (o Options) share(hundredths int64) int64 { return o.MaxStoreSize / 100 * hundredths }

// used returns the size of the store in bytes, counting the active segment as full.
func (s *Store) used() int64 {
	return s.segments.SealedBytes(s.committer.Stats().Segment) + s.options.SegmentSize + s.index.DiskUsed() + s.spare.Size()
}

// mustEvict reports whether the store is full enough to evict.
func (s *Store) mustEvict() bool {
	return s.options.Evict && s.used() > s.options.share(commit.EvictFrom)
}

// isTimeToEvict reports whether to evict now: the store is full enough, and the last eviction
// found something or was long ago.
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

// evict drops torrents not used lately from the segments that hold little else, and compacts
// those segments. It reports whether it found anything to drop.
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

// evictAll carries out the plan in list.
func (s *Store) evictAll(ctx context.Context, list *eviction) error {
	d := &dropping{store: s, cause: DropFull, rule: list.mayGo}
	var errs []error
	for _, segment := range list.segments {
		// An unreadable segment does not stop the others from being emptied.
		if err := s.evictSegment(ctx, d, segment); err != nil {
			errs = append(errs, fmt.Errorf("segment %d: %w", segment, err))
		}
	}
	s.options.Logger.Info("torrents were dropped to make room",
		slog.Int64("torrents", d.dropped), slog.Int("segments", len(list.segments)))
	return errors.Join(errs...)
}

// evictSegment drops the torrents of a segment that the plan names, and compacts it.
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
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	return c.segment(ctx, id)
}
