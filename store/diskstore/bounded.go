package diskstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// leastSegments is how many segments a bounded store must have room for.
const leastSegments = 4

// checkBound returns an error if the bound of o is too small for its segments.
func checkBound(o Options) error {
	if o.Bounded != 0 && o.Bounded < leastSegments*o.SegmentSize {
		return fmt.Errorf("Options.Bounded is %d, it must be at least %d, room for %d segments",
			o.Bounded, leastSegments*o.SegmentSize, leastSegments)
	}
	return nil
}

// noteRead notes that the record at a place was read.
func (s *Store) noteRead(at format.Place) {
	if segment := s.segments.Get(at.Segment); segment != nil {
		segment.NoteRead(at.Offset)
	}
}

// shrink lets segments fall off, the oldest first, as long as the store has no
// room for two more, and whichever hold removed bytes that are due.
func (s *Store) shrink(ctx context.Context) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	now := s.options.Clock().Unix()
	for _, id := range s.segments.IDs() {
		due := s.index.Account(id).Due
		if !s.isCrowded() && (due == 0 || due > now) {
			continue
		}
		if err := s.fallOff(ctx, id); err != nil {
			return fmt.Errorf("segment %d: %w", id, err)
		}
	}
	return nil
}

// isCrowded reports whether there is no room for the active segment, when it is
// full, and another beside it, which fills while the oldest falls off.
func (s *Store) isCrowded() bool {
	sealed := s.segments.SealedBytes(s.committer.Stats().Segment)
	return sealed+s.index.DiskUsed()+2*s.options.SegmentSize > s.options.Bounded
}

// fallOff forgets a segment, but for what was read in it, which is appended
// again: at most half of it, so that room is won whatever was read.
func (s *Store) fallOff(ctx context.Context, id uint64) error {
	seg := s.segments.Get(id)
	if seg == nil || !s.segments.IsSealed(seg) {
		return nil
	}
	// The header of this segment says what is void of the one before.
	if before := s.segments.Get(seg.Header.Previous); before != nil && before.Size > seg.Header.PreviousEnd {
		if err := s.fallOff(ctx, before.ID); err != nil {
			return err
		}
	}
	end := s.segments.End(seg)
	f := &falling{
		store: s, segment: seg, spare: (end - format.SegmentStart) / 2,
		kept: copies{compaction: &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}},
	}
	left, err := seg.Walk(ctx, s.id, format.SegmentStart, end, func(file vfs.File, h *format.Header, at int64) error { return f.record(ctx, file, h, at) })
	if len(left) > 0 && err == nil {
		err = f.unreadable(ctx, left) // whatever it was, it can be fetched again
	}
	if err := errors.Join(err, f.flush(ctx)); err != nil {
		return err
	}
	return s.retire(ctx, seg)
}

// falling is a segment on its way out.
type falling struct {
	store   *Store
	segment *log.Segment
	spare   int64  // how many bytes may be kept still
	kept    copies // those that are
	gone    []commit.Relic
}

// fallBatch bounds how many records are forgotten at once.
const fallBatch = 1000

// record keeps the record at an offset if it was read, else it is forgotten.
func (f *falling) record(ctx context.Context, file vfs.File, h *format.Header, at int64) error {
	place := format.Place{Segment: f.segment.ID, Offset: at, Length: h.Length}
	if !h.IsPut() && !h.IsWord() {
		return f.kept.add(ctx, file, h, place)
	}
	e, needed, err := commit.IsNeeded(f.store.index.Get, h, place)
	if err != nil {
		return err
	}
	if needed && h.IsPut() && e.Visible() && f.segment.WasRead(at) && h.Size() <= f.spare {
		err := f.kept.add(ctx, file, h, place)
		if !errors.Is(err, files.ErrUnreadable) {
			f.spare -= h.Size()
			return err
		}
	}
	f.gone = append(f.gone, commit.Relic{Header: *h, At: place})
	if len(f.gone) < fallBatch {
		return nil
	}
	return f.forget(ctx)
}

// unreadable has those forgotten that stood in gaps.
func (f *falling) unreadable(ctx context.Context, left log.Gaps) error {
	if err := f.flush(ctx); err != nil {
		return err
	}
	entries, err := f.store.index.PointingTo(left.In(f.segment.ID))
	for _, e := range entries {
		h := format.Header{Kind: store.ChangeAdded, Names: e.Names, IDs: e.IDs, Sequence: e.Put}
		f.gone = append(f.gone, commit.Relic{Header: h, At: e.At})
	}
	return err
}

func (f *falling) flush(ctx context.Context) error {
	return errors.Join(f.kept.flush(ctx), f.forget(ctx))
}

func (f *falling) forget(ctx context.Context) error {
	gone := f.gone
	f.gone = nil
	return f.store.committer.Do(ctx, 0, func(g *commit.Group) (store.Outcome, error) {
		for i := range gone {
			if err := g.Fall(&gone[i].Header, gone[i].At); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
}

// Forget makes a bounded store know nothing of the torrents that have ids, not
// even that they were removed: for a cache of something else, where they
// changed. Ids that are unknown are no error. It returns when that is durable.
// ErrInvalid if the store is not bounded.
func (s *Store) Forget(ctx context.Context, ids []infohash.ID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if s.options.Bounded == 0 {
		return fmt.Errorf("%w: only a bounded store can forget", store.ErrInvalid)
	}
	size := format.RecordSize(0) * int64(len(ids))
	return s.committer.Do(ctx, size, func(g *commit.Group) (store.Outcome, error) {
		for _, id := range ids {
			if err := g.Forget(id); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
}
