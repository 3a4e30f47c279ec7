package index

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// places caches the places of records that were looked up or written lately. A look-up in Pebble
// costs 5 us and a dozen allocations, as much as reading 20 KB from the page cache. The cache
// holds no pointers, so that the garbage collector does not scan it. It is safe for concurrent
// use.
type places struct {
	seed    maphash.Seed
	sets    []placeSet
	stripes [64]stripe
}

// placeSet holds the places of the ids that share it, the most recently used first. It is one
// line of the processor's cache.
type placeSet [2]place

// place is the place of a torrent's record, under one of its ids.
type place struct {
	print   placePrint
	segment uint32 // 0: nowhere
	offset  uint32 // in units of format.Align
	length  uint32 // of the body, in bytes
	rank    store.Rank
	single  bool // whether the torrent has a v1 id and no other
}

// placePrint is the fingerprint of an id: a hash with a secret seed, and 8 of its bytes. A
// collision is less likely than a memory error.
type placePrint struct{ hash, bytes uint64 }

// placeSetSize is the size of a placeSet in bytes.
const placeSetSize = 64

// stripe guards every set whose number modulo the number of stripes is its own.
type stripe struct {
	mu      sync.Mutex
	changes uint64 // number of calls of writing and written
	pending int    // writes to the index under way
}

// newPlaces returns a cache of at most size bytes, or of one set.
func newPlaces(size int64) *places {
	return &places{seed: maphash.MakeSeed(), sets: make([]placeSet, max(size/placeSetSize, 1))}
}

// lock returns the set of id, its print, and the stripe, which is locked.
func (p *places) lock(id infohash.ID) (*placeSet, placePrint, *stripe) {
	var b [infohash.SizeV2]byte
	id.AppendTo(b[:0])
	print := placePrint{hash: maphash.Comparable(p.seed, id), bytes: binary.LittleEndian.Uint64(b[:])}
	n := print.hash % uint64(len(p.sets))
	s := &p.stripes[n%uint64(len(p.stripes))]
	s.mu.Lock()
	return &p.sets[n], print, s
}

// find returns the place of the torrent with id, if it is cached. The index then has that
// torrent there, visible.
func (p *places) find(id infohash.ID) (format.Place, bool) {
	found, ok := p.look(id)
	return found.location(), ok
}

// held returns the result of Has for id, if its place is cached and id is the torrent's only
// one: a place does not have the other ids.
func (p *places) held(id infohash.ID) (store.Held, bool) {
	found, ok := p.look(id)
	if !ok || !found.single {
		return store.Held{}, false
	}
	return store.Held{IDs: infohash.Set{V1: id}, Rank: found.rank}, true
}

func (p *places) look(id infohash.ID) (place, bool) {
	set, print, stripe := p.lock(id)
	defer stripe.mu.Unlock()
	for i := range set {
		if set[i].segment != 0 && set[i].print == print {
			set[0], set[i] = set[i], set[0]
			return set[0], true
		}
	}
	return place{}, false
}

// changes returns the counter for keep; call it before asking the index for id.
func (p *places) changes(id infohash.ID) uint64 {
	_, _, stripe := p.lock(id)
	defer stripe.mu.Unlock()
	return stripe.changes
}

// keep caches the place of an entry, if it is visible. The entry must have been read from the
// index after changes returned before. If ids of its stripe were written since then, or are
// being written, this id may be among them, and nothing is cached.
func (p *places) keep(id infohash.ID, e *Entry, before uint64) {
	set, print, stripe := p.lock(id)
	defer stripe.mu.Unlock()
	if stripe.changes == before && stripe.pending == 0 {
		set.put(print, e)
	}
}

// writing drops the place of id before the index changes its entry, and blocks caching until
// written is called. The index publishes a change in the feed at once, and a reader who learns
// of it there must not find the old place.
func (p *places) writing(id infohash.ID) {
	set, print, stripe := p.lock(id)
	defer stripe.mu.Unlock()
	stripe.changes++
	stripe.pending++
	set.put(print, nil)
}

// written caches the entry that the index has after writing.
func (p *places) written(id infohash.ID, e *Entry) {
	set, print, stripe := p.lock(id)
	defer stripe.mu.Unlock()
	stripe.changes++ // readers who asked since then may have read the old entry
	stripe.pending--
	set.put(print, e)
}

// put puts the place of e in front if it is visible, and otherwise drops it.
func (s *placeSet) put(print placePrint, e *Entry) {
	last := len(s) - 1
	for i := range s[:last] {
		if s[i].print == print {
			last = i
		}
	}
	if e.Visible() && e.At.Segment <= math.MaxUint32 && e.At.Offset/format.Align <= math.MaxUint32 {
		copy(s[1:], s[:last])
		s[0] = place{
			print: print, segment: uint32(e.At.Segment), offset: uint32(e.At.Offset / format.Align), length: e.At.Length,
			rank: e.Rank, single: e.IDs.V2.IsZero(),
		}
	} else if s[last].print == print {
		s[last] = place{}
	}
}

func (p *place) location() format.Place {
	return format.Place{Segment: uint64(p.segment), Offset: int64(p.offset) * format.Align, Length: p.length}
}
