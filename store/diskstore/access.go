package diskstore

import (
	"context"
	"encoding/binary"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

const (
	day = 24 * 60 * 60 // seconds

	// accessSlots is how many accesses are known to be noted already, by a
	// fingerprint in a slot that the id chooses: 512 KiB. Two ids in one slot
	// only make each other be noted again.
	accessSlots = 1 << 16
	// maxAccesses bounds what waits to be noted. Beyond it accesses are not
	// noted; what is read often gets another chance.
	maxAccesses = 1 << 14
)

// accesses gathers, off the read path, which torrents were read on a day. Safe
// for concurrent use.
type accesses struct {
	slots [accessSlots]atomic.Uint64

	mu      sync.Mutex
	waiting map[infohash.ID]uint32 // the day, since 1970, by primary id
}

// note notes that the torrent of set was read at a time.
func (a *accesses) note(set infohash.Set, at time.Time) {
	id := set.Primary()
	today := uint32(at.Unix() / day)
	var b [infohash.SizeV2]byte
	id.AppendTo(b[:0])
	print := binary.LittleEndian.Uint64(b[:])
	slot := &a.slots[print%accessSlots]
	print += uint64(today) << 32 // another day, another fingerprint
	if slot.Load() == print {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= maxAccesses {
		return
	}
	if a.waiting == nil {
		a.waiting = map[infohash.ID]uint32{}
	}
	a.waiting[id] = today
	slot.Store(print)
}

// take returns what waits and forgets it.
func (a *accesses) take() map[infohash.ID]uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.waiting
	a.waiting = nil
	return taken
}

// noteAccesses writes the accesses that wait into the index. It needs no
// committer: nothing else has these keys, and losing them harms nothing.
func (s *Store) noteAccesses() {
	taken := s.accesses.take()
	if len(taken) == 0 || s.index.health.err() != nil || s.index.health.writeError() != nil || s.index.health.flushError() != nil {
		return
	}
	batch := s.index.db.NewBatch()
	defer batch.Close()
	for id, today := range taken {
		// A batch in memory takes all it is given.
		_ = batch.Set(accessKey(id), binary.LittleEndian.AppendUint32(nil, today), nil)
	}
	if err := s.index.db.Apply(batch, pebble.NoSync); err != nil {
		s.options.Logger.Error("the days of access could not be noted", slog.Any("error", err))
	}
}

func accessKey(primary infohash.ID) []byte { return primary.AppendTo([]byte{keyAccess}) }

// LastAccess returns the day on which Get last gave the torrent that has id, as
// its first second, UTC. It is the zero time if that is not known: it was never
// read, or not since the index was built anew. What was read in the last minute
// may not be there yet. Errors: ErrNotFound, ErrUnavailable.
func (s *Store) LastAccess(ctx context.Context, id infohash.ID) (time.Time, error) {
	if err := s.enter(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.leave()
	e, err := s.index.get(id)
	if err != nil {
		return time.Time{}, err
	}
	if e == nil || e.at.isZero() {
		return time.Time{}, store.ErrNotFound
	}
	value, err := s.index.lookUp(accessKey(e.ids.Primary()))
	if err != nil || len(value) != 4 {
		return time.Time{}, err
	}
	return time.Unix(int64(binary.LittleEndian.Uint32(value))*day, 0).UTC(), nil
}
