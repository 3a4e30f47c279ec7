package diskstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// erase takes the bytes of a removed torrent off the disk, older ones that it
// replaced included, by compacting the segments that hold them. Where the disk has no
// room for that it writes over them.
func (s *Store) erase(ctx context.Context, id infohash.ID) error {
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	e, err := s.index.get(id)
	if err != nil || e == nil || !e.removed {
		return err
	}
	c := &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}
	for _, segment := range c.mayHold(e) {
		err := c.segment(ctx, segment)
		if errors.Is(err, store.ErrFull) {
			err = s.overwrite(ctx, segment, e, err)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", store.ErrNotErased, err)
		}
	}
	return nil
}

// mayHold returns the segments that may hold bytes of e, which is removed: those that it
// knows of, and those with bytes that are due, since a removal before, which was undone,
// may have left bytes of it behind.
func (c *compaction) mayHold(e *entry) []uint64 {
	segments := append([]uint64{e.at.segment}, e.former...)
	for _, u := range c.store.segments.usages() {
		due := c.store.index.accounts.get(u.segment).due
		if due != 0 && due <= c.now && !slices.Contains(segments, u.segment) {
			segments = append(segments, u.segment)
		}
	}
	return segments
}

// overwrite writes zeros over the bytes of e in a segment, which nothing points to any
// more, where there is no room to compact it, because of full. It needs no space. A
// backup that shares the file keeps it from that, and so do records that cannot be read.
func (s *Store) overwrite(ctx context.Context, segment uint64, e *entry, full error) error {
	seg := s.segments.get(segment)
	if seg == nil {
		return nil
	}
	file, err := s.segments.openToOverwrite(seg)
	if err != nil {
		return errors.Join(full, err)
	}
	defer file.Close()
	end := s.committer.stats().offset
	if s.segments.isSealed(seg) {
		end = s.segments.end(seg)
	}
	left, err := s.walk(ctx, seg, end, func(_ vfs.File, h *header, at int64) error {
		isOf := slices.ContainsFunc(e.all(), h.ids.Contains)
		_, needed, err := isNeeded(s.index.get, h, location{segment: segment, offset: at})
		if err != nil || needed || !h.isPut() || !isOf {
			return err
		}
		return overwriteBody(file, at+recordHeaderSize, int64(h.length))
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
