package diskstore

import (
	"math"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// knows fails unless p has the place of want under id, or none if want is nil.
func (p *places) knows(t *testing.T, id infohash.ID, want *entry) {
	t.Helper()
	at, ok := p.find(id)
	if ok != (want != nil) || ok && at != want.at {
		t.Errorf("the place of %v is %+v, %v; want that of %+v", id, at, ok, want)
	}
	held, ok := p.held(id)
	if single := want != nil && want.ids == (infohash.Set{V1: id}); ok != single || single && held != want.held() {
		t.Errorf("held %v is %+v, %v; want that of %+v", id, held, ok, want)
	}
}

func entryAt(offset int64) *entry {
	ids := storetest.Torrent(storetest.V1, 1, 100, 0).IDs
	if offset != 0 {
		ids = storetest.Torrent(storetest.Hybrid, 1, 100, 0).IDs
	}
	return &entry{ids: ids, at: location{segment: 7, offset: offset, length: 30_000}, rank: store.Rank(1 + offset)}
}

// write is a change of the index.
func (p *places) write(id infohash.ID, e *entry) {
	p.writing(id)
	p.written(id, e)
}

// While the index is written to nothing is known, whoever reads it meanwhile: the feed
// may tell of the change already.
func TestPlacesWhileWriting(t *testing.T) {
	p := newPlaces(1)
	id := storetest.Torrent(storetest.V1, 1, 100, 0).IDs.Primary()
	p.write(id, entryAt(0))
	p.writing(id)
	p.knows(t, id, nil)
	p.keep(id, entryAt(0), p.changes(id))
	p.knows(t, id, nil)
	p.written(id, entryAt(800))
	p.knows(t, id, entryAt(800))
}

// A reader that began while the index was written to may have read what was there before,
// and come when that is over: nothing is kept.
func TestPlacesReadWhileWriting(t *testing.T) {
	p := newPlaces(1)
	id := storetest.Torrent(storetest.V1, 1, 100, 0).IDs.Primary()
	p.write(id, entryAt(0))
	p.writing(id)
	before := p.changes(id)
	p.written(id, &entry{ids: entryAt(0).ids, at: entryAt(0).at, removed: true})
	p.keep(id, entryAt(0), before)
	p.knows(t, id, nil)
}

// The index's word counts, whatever somebody read before it was given.
func TestPlaces(t *testing.T) {
	p := newPlaces(1) // one set: all ids share it
	ids := storetest.Torrent(storetest.Hybrid, 1, 100, 0).IDs.All()
	for i, id := range ids[:2] {
		p.keep(id, entryAt(int64(8*i)), p.changes(id))
	}
	p.knows(t, ids[0], entryAt(0))
	p.knows(t, ids[1], entryAt(8))
	p.knows(t, ids[2], nil)

	p.knows(t, ids[0], entryAt(0)) // used last
	p.write(ids[2], entryAt(16))
	p.knows(t, ids[2], entryAt(16))
	p.knows(t, ids[0], entryAt(0))
	p.knows(t, ids[1], nil)

	before := p.changes(ids[0])
	p.write(ids[0], entryAt(800))
	p.keep(ids[0], entryAt(0), before)
	p.knows(t, ids[0], entryAt(800))

	for _, gone := range []*entry{nil, {}, {at: entryAt(8).at, removed: true}, {at: entryAt(8).at, damaged: true}} {
		p.write(ids[0], entryAt(800))
		p.write(ids[0], gone)
		p.knows(t, ids[0], nil)
	}
	for _, far := range []location{{segment: math.MaxUint32 + 1}, {segment: 1, offset: (math.MaxUint32 + 1) * format.Align}} {
		p.write(ids[0], entryAt(800))
		p.write(ids[0], &entry{at: far})
		p.knows(t, ids[0], nil)
	}
	last := &entry{ids: entryAt(8).ids, at: location{segment: math.MaxUint32, offset: math.MaxUint32 * format.Align, length: math.MaxUint32}}
	p.write(ids[0], last)
	p.knows(t, ids[0], last)
}
