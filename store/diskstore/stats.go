package diskstore

import (
	"context"
	"fmt"
	"math"

	"github.com/torrentcache/torrentcache/store"
)

// Stats implements [store.Store]. DiskUsed is what the files hold; what is
// reserved for the active segment comes on top.
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	if err := s.enter(ctx); err != nil {
		return store.Stats{}, err
	}
	defer s.leave()
	now := s.committer.Stats()
	return store.Stats{
		Torrents: now.Torrents,
		Removed:  now.Removed,
		Bytes:    now.Bytes,
		DiskUsed: s.segments.SealedBytes(now.Segment) + now.Offset + s.index.DiskUsed() + s.spare.Size(),
	}, nil
}

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
	now, reserved := s.committer.Reservation()
	free := int64(math.MaxInt64)
	if usage, err := s.options.FS.GetDiskUsage(s.options.Dir); err == nil {
		avail := int64(min(usage.AvailBytes, math.MaxInt64/2))
		free = max(0, avail-max(0, s.options.MinFreeSpace))
	}
	if limit := s.options.MaxStoreSize; limit > 0 && (!s.options.Evict || s.stuck.Load()) {
		used := s.segments.SealedBytes(now.Segment) + now.Offset + reserved + s.index.DiskUsed() + s.spare.Size()
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
