package diskstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// eraseEach takes the bytes of the torrents off the disk that were removed by ids, older
// ones that others replaced included, by compacting the segments that hold them, each once.
// Where the disk has no room for that it writes over them. If that fails anywhere, each
// result without an error gets one: what segments are due does not say of whom.
func (s *Store) eraseEach(ctx context.Context, ids []infohash.ID, results []store.Removed) {
	var removed []infohash.ID
	for i, id := range ids {
		if results[i].Err == nil {
			removed = append(removed, id)
		}
	}
	if len(removed) == 0 {
		return
	}
	err := s.erase(ctx, removed)
	for i := range results {
		if results[i].Err == nil {
			results[i].Err = err
		}
	}
}

// erase is eraseEach for ids that are removed.
func (s *Store) erase(ctx context.Context, ids []infohash.ID) error {
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	gone, err := s.removedEntries(ids)
	if err != nil || len(gone) == 0 {
		return err
	}
	c := &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}
	for _, segment := range c.mayHold(gone) {
		err := c.segment(ctx, segment)
		if errors.Is(err, store.ErrFull) {
			err = s.overwrite(ctx, segment, gone, err)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", store.ErrNotErased, err)
		}
	}
	return nil
}

// removedEntries returns the entries of those ids that are still removed.
func (s *Store) removedEntries(ids []infohash.ID) ([]*index.Entry, error) {
	var gone []*index.Entry
	for _, id := range ids {
		e, err := s.index.Get(id)
		if err != nil {
			return nil, err
		}
		if e != nil && e.Removed {
			gone = append(gone, e)
		}
	}
	return gone, nil
}

// mayHold returns the segments that may hold bytes of gone, which are removed: those that
// they know of, and those with bytes that are due, since a removal before, which was undone,
// may have left bytes of them behind.
func (c *compaction) mayHold(gone []*index.Entry) []uint64 {
	var segments []uint64
	known := map[uint64]bool{}
	add := func(segment uint64) {
		if !known[segment] {
			known[segment] = true
			segments = append(segments, segment)
		}
	}
	for _, e := range gone {
		add(e.At.Segment)
		for _, segment := range e.Former {
			add(segment)
		}
	}
	for _, u := range c.store.segments.Usages() {
		if due := c.store.index.Account(u.Segment).Due; due != 0 && due <= c.now {
			add(u.Segment)
		}
	}
	return segments
}

// overwrite writes zeros over the bytes of gone in a segment, which nothing points to any
// more, where there is no room to compact it, because of full. It needs no space. A
// backup that shares the file keeps it from that, and so do records that cannot be read.
func (s *Store) overwrite(ctx context.Context, segment uint64, gone []*index.Entry, full error) error {
	seg := s.segments.Get(segment)
	if seg == nil {
		return nil
	}
	file, err := s.segments.OpenToOverwrite(seg)
	if err != nil {
		return errors.Join(full, err)
	}
	defer file.Close()
	end := s.committer.Stats().Offset
	if s.segments.IsSealed(seg) {
		end = s.segments.End(seg)
	}
	ids := map[infohash.ID]bool{}
	for _, e := range gone {
		for _, id := range e.All() {
			ids[id] = true
		}
	}
	left, err := seg.Walk(ctx, s.id, format.SegmentStart, end, func(_ vfs.File, h *format.Header, at int64) error {
		isOf := slices.ContainsFunc(h.IDs.All(), func(id infohash.ID) bool { return ids[id] })
		_, needed, err := commit.IsNeeded(s.index.Get, h, format.Place{Segment: segment, Offset: at})
		if err != nil || needed || !h.IsPut() || !isOf {
			return err
		}
		return files.OverwriteBody(file, at+format.HeaderSize, int64(h.Length))
	})
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return errors.Join(full, err)
	}
	if len(left) > 0 {
		return fmt.Errorf("segment %d has records that cannot be read: %w", segment, full)
	}
	return nil
}
