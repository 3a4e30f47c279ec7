package index

import (
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestIDFilter never lacks an id that was added, and mostly lacks ids that were not.
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
