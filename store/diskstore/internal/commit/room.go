package commit

import (
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

const (
	// EvictFrom is the fullness, in hundredths of MaxStoreSize, from which a store evicts. Puts
	// that do not trigger eviction are refused from there on.
	EvictFrom = 95
	// evictRoom is how many segments of room must remain after a put, because compaction may
	// need them.
	evictRoom = 2
)

// share returns so many hundredths of MaxStoreSize, in bytes.
func (o Options) share(hundredths int64) int64 { return o.MaxStoreSize / 100 * hundredths }

// prepare ensures that there is an open group with room for changes, or one that says why there
// is no room. After an error, which wraps store.ErrUnavailable, nothing can be written any more.
func (c *Committer) prepare(changes []*Change) error {
	if err := c.index.WriteError(); err != nil {
		return c.fail(err)
	}
	noRoll, err := c.roll(changes)
	if err != nil {
		return c.fail(err)
	}
	noRoom, noRoomAtAll, err := c.reserve(changes)
	if err != nil {
		return c.fail(err)
	}
	if c.open == nil {
		c.open = c.newGroup()
	}
	c.open.noRoll, c.open.noRoom, c.open.noRoomAtAll = noRoll, noRoom, noRoomAtAll
	return nil
}

// newGroup makes an empty group.
func (c *Committer) newGroup() *Group {
	var before *ChangeSet
	if c.syncing != nil {
		before = c.syncing.ChangeSet
	}
	g := &Group{ChangeSet: NewChangeSet(c.options.Bounded, c.index, before, c.state), committer: c, log: c.buffer}
	c.buffer = nil
	return g
}

// end returns the offset of the next record in the active segment.
func (c *Committer) end() int64 {
	if c.open != nil {
		return c.open.State.Offset
	}
	return c.state.Offset
}

// reserve makes room for changes. If that fails, it tries only those that may use the last
// space, and then releases the spare file. While the index cannot be flushed, those changes may
// go on, too, as long as it has memory.
func (c *Committer) reserve(changes []*Change) (noRoom, noRoomAtAll, err error) {
	var all, frugal int64
	for _, change := range changes {
		all += change.Size
		if !change.needy {
			frugal += change.Size
		}
	}
	noRoom = c.index.FlushError()
	switch {
	case noRoom == nil:
		noRoom = c.makeRoom(all, true)
		if isFailure(noRoom) {
			return nil, nil, noRoom
		}
	case c.index.IsStuffed():
		return noRoom, noRoom, nil
	}
	if noRoom == nil || frugal == 0 {
		return noRoom, nil, nil
	}
	noRoomAtAll = c.makeRoom(frugal, false)
	if errors.Is(noRoomAtAll, store.ErrFull) && c.spare.Release() {
		noRoomAtAll = c.makeRoom(frugal, false)
	}
	if isFailure(noRoomAtAll) {
		return nil, nil, noRoomAtAll
	}
	return noRoom, noRoomAtAll, nil
}

// ReserveStep is how many bytes of a segment are reserved at a time. A full disk then refuses
// the reservation, before a write could fail half way.
const ReserveStep = 16 << 20

// isFailure reports whether an error of makeRoom is other than a lack of room.
func isFailure(err error) bool { return err != nil && !errors.Is(err, store.ErrFull) }

// makeRoom ensures that n more bytes can be appended: it seals the active segment if that is
// full, and reserves space. An error that wraps store.ErrFull leaves everything as it was.
func (c *Committer) makeRoom(n int64, keepFree bool) error {
	if n == 0 {
		return nil
	}
	to := c.end() + n
	if c.end() > format.SegmentStart && to > c.options.SegmentSize {
		return c.nextSegment(n, keepFree)
	}
	if to <= c.reserved {
		return nil
	}
	need := to - c.reserved
	step, err := c.mayTake(need, c.step(c.reserved, to), keepFree)
	if err != nil {
		return err
	}
	step, err = inSteps(need, step, func(n int64) error { return files.Reserve(c.active.File, c.reserved, n) })
	if err != nil {
		return err
	}
	c.reserved += step
	return nil
}

// inSteps calls take with want bytes, and, while that answers store.ErrFull, with fewer, down to
// need. It returns how many were taken.
func inSteps(need, want int64, take func(n int64) error) (int64, error) {
	for n := max(need, want); ; n = max(need, n/4) {
		err := take(n)
		if err == nil || n == need || !errors.Is(err, store.ErrFull) {
			return n, err
		}
	}
}

// step returns how many bytes to reserve from the offset from, so that bytes up to the offset to
// fit.
func (c *Committer) step(from, to int64) int64 {
	return max(to-from, min(ReserveStep, c.options.SegmentSize-from))
}

// mayTake returns how many bytes of the disk may be taken, between need and want, or an error
// that wraps store.ErrFull.
func (c *Committer) mayTake(need, want int64, keepFree bool) (int64, error) {
	if !keepFree {
		return want, nil
	}
	if limit := c.options.MaxStoreSize; limit > 0 {
		used := c.Used()
		if c.options.Evict {
			limit -= evictRoom * c.options.SegmentSize
		}
		if used+need > limit {
			return 0, fmt.Errorf("%w: the store takes %d bytes and may take %d", store.ErrFull, used, limit)
		}
		want = min(want, limit-used)
	}
	o := c.options
	if files.CheckFree(o.FS, o.Dir, o.MinFreeSpace, want) == nil {
		return want, nil
	}
	return need, files.CheckFree(o.FS, o.Dir, o.MinFreeSpace, need)
}

// Used returns the size of the store in bytes, including reserved space.
func (c *Committer) Used() int64 {
	return c.segments.SealedBytes(c.active.ID) + c.reserved + c.index.DiskUsed() + c.spare.Size()
}

// refuseUnasked returns an error that wraps store.ErrFull if the store would have to evict for
// another torrent: only uploads at this node are worth that.
func (g *Group) refuseUnasked() error {
	o := g.committer.options
	if g.crowded == nil && o.Evict {
		crowded := g.committer.Used() > o.share(EvictFrom)
		g.crowded = &crowded
	}
	if g.crowded == nil || !*g.crowded {
		return nil
	}
	return fmt.Errorf("%w: more than %d %% of %d bytes are taken; the rest is for uploads", store.ErrFull, EvictFrom, o.MaxStoreSize)
}
