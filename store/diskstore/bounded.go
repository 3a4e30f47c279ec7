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

// leastSegments is the least number of segments in the bound of a store.
const leastSegments = 4

// checkBound returns an error if the bound of o is too small for its segments.
func checkBound(o Options) error {
	if o.Bounded != 0 && o.Bounded < leastSegments*o.SegmentSize {
		return fmt.Errorf("Options.Bounded is %d; it must be at least %d, the size of %d segments",
			o.Bounded, leastSegments*o.SegmentSize, leastSegments)
	}
	return nil
}

// noteRead records that the record at a place was read.
func (s *Store) noteRead(at format.Place) {
	if segment := s.segments.Get(at.Segment); segment != nil {
		segment.NoteRead(at.Offset)
	}
}

// shrink discards segments, the oldest first, until the store has room for two more. It also
// discards the segments that hold removed bytes that are due.
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
		if err := s.discard(ctx, id); err != nil {
			return fmt.Errorf("segment %d: %w", id, err)
		}
	}
	return nil
}

// isCrowded reports whether the store lacks room for a full active segment and another one,
// which fills while the oldest is discarded.
func (s *Store) isCrowded() bool {
	sealed := s.segments.SealedBytes(s.committer.Stats().Segment)
	return sealed+s.index.DiskUsed()+2*s.options.SegmentSize > s.options.Bounded
}

// discard discards a segment. It appends again the records that were read, at most half of the
// segment, so that discarding always frees space.
func (s *Store) discard(ctx context.Context, id uint64) error {
	seg := s.segments.Get(id)
	if seg == nil || !s.segments.IsSealed(seg) {
		return nil
	}
	// The header of this segment says which end of the previous one is void.
	if before := s.segments.Get(seg.Header.Previous); before != nil && before.Size > seg.Header.PreviousEnd {
		if err := s.discard(ctx, before.ID); err != nil {
			return err
		}
	}
	end := s.segments.End(seg)
	f := &discarding{
		store: s, segment: seg, spare: (end - format.SegmentStart) / 2,
		kept: copies{compaction: &compaction{store: s, now: s.options.Clock().Unix()}},
	}
	left, err := seg.Walk(ctx, s.id, format.SegmentStart, end, func(file vfs.File, h *format.Header, at int64) error { return f.record(ctx, file, h, at) })
	if len(left) > 0 && err == nil {
		err = f.unreadable(ctx, left) // unreadable records can be fetched again
	}
	if err := errors.Join(err, f.flush(ctx)); err != nil {
		return err
	}
	return s.retire(ctx, seg)
}

// discarding is a segment that is being discarded.
type discarding struct {
	store   *Store
	segment *log.Segment
	spare   int64  // how many more bytes may be kept
	kept    copies // the records kept
	gone    []commit.Survivor
}

// forgetBatch is how many records are forgotten at a time.
const forgetBatch = 1000

// record keeps the record at an offset if it was read; else it forgets the record.
func (f *discarding) record(ctx context.Context, file vfs.File, h *format.Header, at int64) error {
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
	f.gone = append(f.gone, commit.Survivor{Header: *h, At: place})
	if len(f.gone) < forgetBatch {
		return nil
	}
	return f.forget(ctx)
}

// unreadable forgets the records that the index has in gaps.
func (f *discarding) unreadable(ctx context.Context, left log.Gaps) error {
	if err := f.flush(ctx); err != nil {
		return err
	}
	entries, err := f.store.index.PointingTo(left.In(f.segment.ID))
	for _, e := range entries {
		h := format.Header{Kind: store.ChangeAdded, Names: e.Names, IDs: e.IDs, Sequence: e.Put}
		f.gone = append(f.gone, commit.Survivor{Header: h, At: e.At})
	}
	return err
}

func (f *discarding) flush(ctx context.Context) error {
	return errors.Join(f.kept.flush(ctx), f.forget(ctx))
}

func (f *discarding) forget(ctx context.Context) error {
	gone := f.gone
	f.gone = nil
	return f.store.committer.Do(ctx, 0, func(g *commit.Group) error {
		for i := range gone {
			if err := g.Fall(&gone[i].Header, gone[i].At); err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget makes a bounded store forget the torrents with these ids, and their removals: use it
// for torrents that changed elsewhere. Unknown ids are no error. It returns once that is
// durable. The error is ErrInvalid if the store is not bounded.
func (s *Store) Forget(ctx context.Context, ids []infohash.ID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if s.options.Bounded == 0 {
		return fmt.Errorf("%w: only a bounded store can forget", store.ErrInvalid)
	}
	size := format.RecordSize(0) * int64(len(ids))
	return s.committer.Do(ctx, size, func(g *commit.Group) error {
		for _, id := range ids {
			if err := g.Forget(id); err != nil {
				return err
			}
		}
		return nil
	})
}
