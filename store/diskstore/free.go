package diskstore

import (
	"context"
	"fmt"
	"math"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// leastRoom is what a store must have room for to take puts, in bytes: with less most torrents
// still fit, and many do not.
const leastRoom = 256 << 10

// Room returns how many bytes puts may still take: what the disk has free above MinFreeSpace,
// or what MaxStoreSize leaves, and what of the active segment is reserved. A store that evicts
// makes room below MaxStoreSize, which counts only if there was nothing to evict lately. It is
// false if the file system does not tell and there is no bound.
func (s *Store) Room() (bytes int64, known bool) {
	if s.enter(context.Background()) != nil {
		return 0, false
	}
	defer s.leave()
	now, reserved := s.committer.reservation()
	free := int64(math.MaxInt64)
	if usage, err := s.options.FS.GetDiskUsage(s.options.Dir); err == nil {
		avail := int64(min(usage.AvailBytes, math.MaxInt64/2))
		free = max(0, avail-max(0, s.options.MinFreeSpace))
	}
	if limit := s.options.MaxStoreSize; limit > 0 && (!s.options.Evict || s.stuck.Load()) {
		used := s.segments.SealedBytes(now.Segment) + now.Offset + reserved + s.index.DiskUsed() + s.spare.size()
		free = min(free, max(0, limit-used))
	}
	if free == math.MaxInt64 {
		return 0, false
	}
	return free + reserved, true
}

// Refusing returns why puts are refused now, nil if they are not: what Err returns, or an
// error that wraps [store.ErrFull] when there is no room, or that of an index that cannot be
// written. Unlike Err's such a state ends by itself.
func (s *Store) Refusing() error {
	if err := s.Err(); err != nil {
		return err
	}
	if err := s.index.FlushError(); err != nil {
		return err
	}
	if room, known := s.Room(); known && room < leastRoom {
		return fmt.Errorf("%w: there is room for %d bytes, with what must stay free and the bound of the store", store.ErrFull, room)
	}
	return nil
}

// reservation returns the last durable state, and how many bytes are reserved behind it in
// the active segment.
func (c *committer) reservation() (index.State, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.published, max(0, c.publishedEnd-c.published.Offset)
}
