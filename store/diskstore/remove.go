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

// Remove implements [store.Store]. The ids share commits. With Erase, each segment that holds
// bytes of them is compacted once.
func (s *Store) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	if err := s.enter(ctx); err != nil {
		return store.FailAll(len(ids), err)
	}
	defer s.leave()
	removal, err := removal.Kept(s.options.Clock)
	if err != nil {
		return store.FailAll(len(ids), err)
	}
	size, remove := removing(removal)
	results := s.changeEach(ctx, ids, size, remove)
	if removal.Erase {
		s.eraseEach(ctx, ids, results)
	}
	return results
}

// removing returns the change that makes a removal, and the maximum size of its record.
func removing(removal store.Removal) (size int64, run func(*commit.Group, infohash.ID) (store.Removed, error)) {
	body := format.AppendRemoval(nil, removal)
	sum := format.Checksum(body)
	return format.RecordSize(len(body)), func(g *commit.Group, id infohash.ID) (store.Removed, error) {
		h := &format.Header{Kind: store.ChangeRemoved, BodySum: sum, Void: removal.Erase, Kept: removal.Keep && !removal.Erase}
		return g.Remove(id, h, body, removal)
	}
}

// Restore implements [store.Store]. The ids share commits.
func (s *Store) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	if err := s.enter(ctx); err != nil {
		return store.FailAll(len(ids), err)
	}
	defer s.leave()
	return s.changeEach(ctx, ids, format.RecordSize(0), (*commit.Group).Restore)
}

// changeEach makes the committer run a change of at most size bytes for each id, and waits for
// all of them.
func (s *Store) changeEach(ctx context.Context, ids []infohash.ID, size int64, run func(*commit.Group, infohash.ID) (store.Removed, error)) []store.Removed {
	removed := make([]store.Removed, len(ids))
	if len(ids) == 0 {
		return removed
	}
	waiting := commit.NewCall(len(ids))
	changes := make([]*commit.Change, len(ids))
	for i, id := range ids {
		changes[i] = &commit.Change{Call: waiting, Slot: i, Size: size, Run: func(g *commit.Group) (_ store.Outcome, err error) {
			removed[i], err = run(g, id)
			return 0, err
		}}
	}
	s.committer.Submit(changes...)
	for i, r := range waiting.Wait(ctx) { // after Wait no change runs
		removed[i].Err = r.Err
	}
	return removed
}

// eraseEach erases the bytes of the torrents just removed by ids, including replaced versions,
// from the disk. It compacts each segment that holds them once. If the disk has no room for
// that, it overwrites the bytes in place. If any of this fails, every result without an error
// gets that error, because a due segment does not tell whose bytes it holds.
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

// erase erases the bytes of ids, which are all removed.
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
	c := &compaction{store: s, now: s.options.Clock().Unix()}
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

// removedEntries returns the entries of the ids that are still removed.
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

// mayHold returns the segments that may hold bytes of gone, which are removed. These are the
// segments in their entries, and all segments with bytes that are due, because an earlier
// removal that was undone may have left bytes there.
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

// overwrite writes zeros over the bytes of gone in a segment that cannot be compacted because
// the disk is full, as the error full says. Nothing refers to these bytes any more. It needs no
// space. It fails if a backup shares the file, or if records cannot be read.
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
