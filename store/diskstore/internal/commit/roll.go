package commit

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// roll seals the active segment if one of changes asks for it and it is not empty. noRoll wraps
// store.ErrFull.
func (c *Committer) roll(changes []*Change) (noRoll, err error) {
	asked := slices.ContainsFunc(changes, func(change *Change) bool { return change.roll })
	if !asked || c.end() == format.SegmentStart {
		return nil, nil
	}
	if err := c.index.FlushError(); err != nil {
		return err, nil
	}
	if err := c.nextSegment(0, false); errors.Is(err, store.ErrFull) {
		return err, nil
	} else if err != nil {
		return nil, err
	}
	return nil, nil
}

// nextSegment begins a segment with room for n bytes, after the active one is synced.
func (c *Committer) nextSegment(n int64, keepFree bool) error {
	c.drain()
	if err := c.Failure(); err != nil {
		return err
	}
	need := format.SegmentStart + n
	want, err := c.mayTake(need, c.step(0, need), keepFree)
	if err != nil {
		return err
	}
	header := format.SegmentHeader{
		Store:       c.state.Store,
		Segment:     c.active.ID + 1,
		Epoch:       c.state.Epoch,
		Previous:    c.active.ID,
		PreviousEnd: c.state.Offset,
		Created:     c.options.Clock().Unix(),
	}
	var next *log.Segment
	reserve, err := inSteps(need, want, func(n int64) (err error) {
		if next, err = c.segments.Create(header, n); err != nil {
			err = fmt.Errorf("%w: beginning segment %d: %v", files.Refusal(err), header.Segment, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	c.seal(c.active, c.state.Offset)
	c.activate(next, reserve)
	return nil
}

// Begin begins a new segment before anything else is written. Nothing is appended after a torn
// end, because a sector there may read differently the next time. The header of the new segment
// says where the last one ends.
func (c *Committer) Begin() error {
	last, now := c.active, c.state
	end := now.Offset
	if now.Segment != last.ID { // the segments after it are missing
		end = last.Size
	}
	header := format.SegmentHeader{
		Store: now.Store, Segment: now.Segment + 1, Epoch: now.Epoch,
		Previous: now.Segment, PreviousEnd: now.Offset, Created: c.options.Clock().Unix(),
	}
	next, err := c.segments.Create(header, 0)
	if err != nil {
		return fmt.Errorf("beginning segment %d: %w", header.Segment, err)
	}
	c.seal(last, end)
	c.activate(next, format.SegmentStart)
	c.published = c.state
	return nil
}

// seal seals s, whose log ends at end.
func (c *Committer) seal(s *log.Segment, end int64) {
	if err := files.GiveBack(s.File); err != nil {
		c.options.Logger.Warn("cannot give back the space reserved for a segment",
			slog.Uint64("segment", s.ID), slog.Any("error", err))
	}
	c.segments.Seal(s, end)
}

// activate makes the empty segment s the active one.
func (c *Committer) activate(s *log.Segment, reserved int64) {
	c.active = s
	c.reserved = reserved
	c.durable = format.SegmentStart
	c.state.Segment = s.ID
	c.state.Offset = format.SegmentStart
}
