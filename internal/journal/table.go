package journal

import (
	"encoding/binary"
	"math/bits"

	"github.com/torrentcache/torrentcache/infohash"
)

// entry is a line. A v2 hash is cut to 20 bytes, by which servers find the
// torrent too.
type entry struct {
	key Key
	id  [infohash.SizeV1]byte
}

// table finds entries by key: the entries in the order of the file, and a hash
// table of their positions with linear probing, because a million of them are
// loaded at a start. Keys are digests: their first bytes are hash enough.
type table struct {
	entries []entry
	slots   []uint32 // a position in entries + 1, or 0; a power of two, at most half of them taken
}

// newTable returns a table for up to n entries.
func newTable(n int64) table {
	return table{entries: make([]entry, 0, n), slots: make([]uint32, 1<<bits.Len64(uint64(2*n)))}
}

// slot returns where key is, or would be.
func (t *table) slot(key Key) *uint32 {
	last := uint64(len(t.slots) - 1)
	for at := binary.LittleEndian.Uint64(key[:]) & last; ; at = (at + 1) & last {
		if n := t.slots[at]; n == 0 || t.entries[n-1].key == key {
			return &t.slots[at]
		}
	}
}

// add adds an entry; of those with one key the last is found.
func (t *table) add(e entry) {
	slot := t.slot(e.key)
	t.entries = append(t.entries, e)
	*slot = uint32(len(t.entries))
}

// find returns the entry of key, nil if there is none.
func (t *table) find(key Key) *entry {
	if len(t.entries) == 0 {
		return nil
	}
	if n := *t.slot(key); n > 0 {
		return &t.entries[n-1]
	}
	return nil
}
