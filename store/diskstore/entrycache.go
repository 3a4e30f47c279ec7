package diskstore

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/infohash"
)

// entryCache keeps entries that were looked up or written lately: a look-up in
// Pebble costs 4 us, as much as reading the torrent from the page cache. The id
// chooses the slot, and the latest in a slot wins. Safe for concurrent use.
type entryCache struct {
	slots []atomic.Pointer[cached]
}

// cached is an entry under one of its ids. With a zero id it says only that the
// slot was written to.
type cached struct {
	id    infohash.ID
	entry *entry
}

// cachedSize is about what one slot comes to, in bytes.
const cachedSize = 400

// newEntryCache returns one that takes at most size bytes.
func newEntryCache(size int64) *entryCache {
	n := 1 << (bits.Len64(uint64(max(size/cachedSize, 1))) - 1)
	return &entryCache{slots: make([]atomic.Pointer[cached], n)}
}

func (c *entryCache) slot(id infohash.ID) *atomic.Pointer[cached] {
	var b [infohash.SizeV2]byte
	id.AppendTo(b[:0])
	return &c.slots[binary.LittleEndian.Uint64(b[:])%uint64(len(c.slots))]
}

// get returns the entry of id, if it is there, or else what put needs.
func (c *entryCache) get(id infohash.ID) (*entry, *cached) {
	held := c.slot(id).Load()
	if held != nil && held.id == id {
		return held.entry, held
	}
	return nil, held
}

// put keeps an entry that was read from the index after get returned held. If
// the slot was written to since, so may have been the entry, and it is not kept.
func (c *entryCache) put(id infohash.ID, e *entry, held *cached) {
	if e.cacheable() {
		c.slot(id).CompareAndSwap(held, &cached{id, e})
	}
}

// written keeps what the index now has. It takes the slot always, so that no put
// of an older entry can follow.
func (c *entryCache) written(id infohash.ID, e *entry) {
	if e.cacheable() {
		c.slot(id).Store(&cached{id, e})
	} else {
		c.slot(id).Store(&cached{})
	}
}

// cacheable reports whether e is small, and likely to be asked for again.
func (e *entry) cacheable() bool { return e != nil && !e.removed && len(e.former) < 8 }
