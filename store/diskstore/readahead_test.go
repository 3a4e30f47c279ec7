package diskstore

import (
	"sync/atomic"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestReadHeaders reads ahead all headers there are, and stops when told to.
func TestReadHeaders(t *testing.T) {
	s, _ := filled(t, 200)
	var stopped atomic.Bool
	for _, id := range s.segments.ids() {
		seg := s.segments.get(id)
		entries, err := s.index.pointingTo(func(at location) bool { return at.segment == id })
		if err != nil {
			t.Fatal(err)
		}
		if read := readHeaders(s.id, seg, &stopped); s.segments.isSealed(seg) && read != len(entries) {
			t.Errorf("%d headers of %d records", read, len(entries))
		}
	}
	stopped.Store(true)
	if n := readHeaders(s.id, s.segments.get(1), &stopped); n != 0 {
		t.Errorf("%d headers after the end", n)
	}
}

// TestReadAhead reads ahead in a list that counts as long enough, and ends.
func TestReadAhead(t *testing.T) {
	s, _ := filled(t, 200)
	var list []*segment
	for _, id := range s.segments.ids() {
		list = append(list, &segment{id: id, file: s.segments.get(id).file, size: readAheadFrom})
	}
	readAhead(s.id, list)()
}

// TestIDFilter never lacks what was added, and mostly lacks what was not.
func TestIDFilter(t *testing.T) {
	f := newIDFilter(0)
	id := func(seed uint64) infohash.ID { return storetest.Torrent(storetest.V1, seed, 100, 0).IDs.V1 }
	for seed := range uint64(1000) {
		f.add(id(seed))
	}
	wrong := 0
	for seed := range uint64(1000) {
		if f.lacks(id(seed)) {
			t.Errorf("lacks id %d, which was added", seed)
		}
		if !f.lacks(id(seed + 1000)) {
			wrong++
		}
	}
	if wrong > 10 {
		t.Errorf("has %d of 1000 ids that were not added", wrong)
	}
}
