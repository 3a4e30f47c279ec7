package index

import (
	"math"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// knows fails unless p has the place of want under id, or none if want is nil.
func (p *places) knows(t *testing.T, id infohash.ID, want *Entry) {
	t.Helper()
	at, ok := p.find(id)
	if ok != (want != nil) || ok && at != want.At {
		t.Errorf("the place of %v is %+v, %v; want that of %+v", id, at, ok, want)
	}
	held, ok := p.held(id)
	if single := want != nil && want.IDs == (infohash.Set{V1: id}); ok != single || single && held != want.held() {
		t.Errorf("held %v is %+v, %v; want that of %+v", id, held, ok, want)
	}
}

func entryAt(offset int64) *Entry {
	ids := storetest.Torrent(storetest.V1, 1, 100, 0).IDs
	if offset != 0 {
		ids = storetest.Torrent(storetest.Hybrid, 1, 100, 0).IDs
	}
	return &Entry{IDs: ids, At: format.Place{Segment: 7, Offset: offset, Length: 30_000}, Rank: store.Rank(1 + offset)}
}

// write is a change of the index.
func (p *places) write(id infohash.ID, e *Entry) {
	p.writing(id)
	p.written(id, e)
}

// While the index is written to, no reader finds the place known: the feed may tell of
// the change already.
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

// A reader that began while the index was written to may have read the entry that was
// there before, and come when the write is over: nothing is kept.
func TestPlacesReadWhileWriting(t *testing.T) {
	p := newPlaces(1)
	id := storetest.Torrent(storetest.V1, 1, 100, 0).IDs.Primary()
	p.write(id, entryAt(0))
	p.writing(id)
	before := p.changes(id)
	p.written(id, &Entry{IDs: entryAt(0).IDs, At: entryAt(0).At, Removed: true})
	p.keep(id, entryAt(0), before)
	p.knows(t, id, nil)
}

// The index's word counts over any entry that somebody read before it was given.
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

	for _, gone := range []*Entry{nil, {}, {At: entryAt(8).At, Removed: true}, {At: entryAt(8).At, Damaged: true}} {
		p.write(ids[0], entryAt(800))
		p.write(ids[0], gone)
		p.knows(t, ids[0], nil)
	}
	for _, far := range []format.Place{{Segment: math.MaxUint32 + 1}, {Segment: 1, Offset: (math.MaxUint32 + 1) * format.Align}} {
		p.write(ids[0], entryAt(800))
		p.write(ids[0], &Entry{At: far})
		p.knows(t, ids[0], nil)
	}
	last := &Entry{IDs: entryAt(8).IDs, At: format.Place{Segment: math.MaxUint32, Offset: math.MaxUint32 * format.Align, Length: math.MaxUint32}}
	p.write(ids[0], last)
	p.knows(t, ids[0], last)
}
