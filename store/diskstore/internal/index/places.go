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

// places knows where the records stand of torrents that were looked up or written
// lately: a look-up in Pebble costs 5 us and a dozen allocations, as much as reading
// 20 KB from the page cache. It holds no pointers, so that the garbage collector does
// not look at it. Safe for concurrent use.
type places struct {
	seed    maphash.Seed
	sets    []placeSet
	stripes [64]stripe
}

// placeSet holds the places of the ids that share it, the one used last in front. It is
// one line of the processor's cache.
type placeSet [2]place

// place says where the record of a torrent stands, under one of its ids.
type place struct {
	print   placePrint
	segment uint32 // 0: nowhere
	offset  uint32 // in units of format.Align
	length  uint32 // of the body, in bytes
	rank    store.Rank
	single  bool // whether the torrent has a v1 id and no other
}

// placePrint stands for an id: a hash that nobody outside can foresee, and 8 of its
// bytes. Two ids have one print less often than memory fails.
type placePrint struct{ hash, bytes uint64 }

// placeSetSize is the size of a placeSet in bytes.
const placeSetSize = 64

// stripe guards every set whose number has its remainder.
type stripe struct {
	mu      sync.Mutex
	changes uint64 // how often writing and written were called
	pending int    // writes to the index under way
}

// newPlaces returns one that takes at most size bytes, or those of one set.
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

// find returns the place of the torrent that has id, if it is known. The index has
// the same torrent there, visible.
func (p *places) find(id infohash.ID) (format.Place, bool) {
	found, ok := p.look(id)
	return found.location(), ok
}

// held returns what Has says of id, if the place is known and id is the torrent's only one:
// a place does not tell the others.
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

// changes returns what keep needs, before the index is asked for id.
func (p *places) changes(id infohash.ID) uint64 {
	_, _, stripe := p.lock(id)
	defer stripe.mu.Unlock()
	return stripe.changes
}

// keep keeps the place of an entry, if it is visible, that was read from the index
// after changes returned before. If ids of its stripe were written to since, or are
// being, this one may be among them, and nothing is kept.
func (p *places) keep(id infohash.ID, e *Entry, before uint64) {
	set, print, stripe := p.lock(id)
	defer stripe.mu.Unlock()
	if stripe.changes == before && stripe.pending == 0 {
		set.put(print, e)
	}
}

// writing forgets the place of id, which the index is about to give another entry, and
// keeps none until written is called: who has heard of a change by the feed, which the
// index tells at once, must not find what was there before.
func (p *places) writing(id infohash.ID) {
	set, print, stripe := p.lock(id)
	defer stripe.mu.Unlock()
	stripe.changes++
	stripe.pending++
	set.put(print, nil)
}

// written keeps what the index now has, after writing.
func (p *places) written(id infohash.ID, e *Entry) {
	set, print, stripe := p.lock(id)
	defer stripe.mu.Unlock()
	stripe.changes++ // for those who have asked since, and may have read what was there before
	stripe.pending--
	set.put(print, e)
}

// put puts the place of e in front, if it is visible, and else forgets it.
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
