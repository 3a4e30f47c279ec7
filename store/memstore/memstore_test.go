package memstore_test

import (
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, storetest.Opener{
		Open: func(_ *testing.T, clock func() time.Time) store.Store { return memstore.NewWithClock(clock) },
		Damage: func(_ *testing.T, s store.Store, id infohash.ID) {
			s.(*memstore.Store).Damage(id)
		},
	})
}
