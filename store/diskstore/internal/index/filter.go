package index

import (
	"encoding/binary"

	"github.com/torrentcache/torrentcache/infohash"
)

// maxFilterBits bounds an idFilter: 16 MiB, in which one of a hundred of 10
// million ids is there by mistake.
const maxFilterBits = 1 << 27

// idFilter is a Bloom filter of ids, whose bytes are random as they are. An index
// that is built anew is asked for every id once, and has almost none of them:
// without the filter those look-ups were half of the time. Not safe for concurrent use.
type idFilter []uint64

// newIDFilter returns one for the ids in so many bytes of segments.
func newIDFilter(bytes int64) idFilter {
	return make(idFilter, min(max(bytes/64, 1<<16), maxFilterBits)/64)
}

// FillsUp prepares x, which is empty, for the ids in so many bytes of segments. It holds until
// the function that it returns is called.
func (x *Index) FillsUp(bytes int64) (done func()) {
	x.seen = newIDFilter(bytes)
	return func() { x.seen = nil }
}

// bits returns the bits of an id.
func (f idFilter) bits(id infohash.ID) [3]uint64 {
	var b [infohash.SizeV2]byte
	id.AppendTo(b[:0])
	le, size := binary.LittleEndian, uint64(len(f))*64
	return [3]uint64{le.Uint64(b[0:]) % size, le.Uint64(b[6:]) % size, le.Uint64(b[12:]) % size}
}

func (f idFilter) add(id infohash.ID) {
	for _, bit := range f.bits(id) {
		f[bit/64] |= 1 << (bit % 64)
	}
}

// lacks reports that id was never added; if not, it probably was.
func (f idFilter) lacks(id infohash.ID) bool {
	for _, bit := range f.bits(id) {
		if f[bit/64]&(1<<(bit%64)) == 0 {
			return true
		}
	}
	return false
}
