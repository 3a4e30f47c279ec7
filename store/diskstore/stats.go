package diskstore

import (
	"context"
	"fmt"
	"math"

	"github.com/torrentcache/torrentcache/store"
)

// Stats implements [store.Store]. DiskUsed counts the content of the files, without the space
// reserved for the active segment.
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

// leastRoom is the room in bytes that a store needs to take puts. With less, many torrents no
// longer fit.
const leastRoom = 256 << 10

// Room returns how many bytes puts may still take: the free space above MinFreeSpace, or the
// rest of MaxStoreSize, plus the reserved part of the active segment. MaxStoreSize does not
// count for a store that evicts, unless the last eviction found nothing to drop. Known is false
// if the file system does not tell and there is no maximum.
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

// Refusing returns why puts are refused at the moment; nil if they are not. The reason is the
// one of Err, a lack of room, which wraps [store.ErrFull], or an index that cannot be flushed.
// The last two pass by themselves.
func (s *Store) Refusing() error {
	if err := s.Err(); err != nil {
		return err
	}
	if err := s.index.FlushError(); err != nil {
		return err
	}
	if room, known := s.Room(); known && room < leastRoom {
		return fmt.Errorf("%w: there is room for %d bytes, given the minimum of free space and the maximum size of the store", store.ErrFull, room)
	}
	return nil
}
