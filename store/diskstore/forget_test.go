package diskstore

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestForget forgets torrents of every shape, removed or not, and others put in
// advance: as if they had never been, also for an index that is built anew.
func TestForget(t *testing.T) {
	s := mustOpen(t, boundedOptions(vfs.NewMem()))
	var items []store.Item
	var ids []infohash.ID
	for seed := range uint64(6) {
		item := boundedTorrent(seed)
		items = append(items, item)
		mustPut(t, s, item, store.Created)
		if seed >= 3 {
			if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{}); err != nil {
				t.Fatal(err)
			}
		}
		all := item.IDs.All()
		ids = append(ids, all[len(all)-1])
	}
	other, ahead := boundedTorrent(7), boundedTorrent(8).IDs.Primary()
	mustPut(t, s, other, store.Created)
	if err := storetest.Remove(t.Context(), s, ahead, store.Removal{}); err != nil {
		t.Fatal(err)
	}
	ids = append(ids, ahead, boundedTorrent(9).IDs.Primary())
	if err := s.Forget(t.Context(), ids); err != nil {
		t.Fatal(err)
	}
	for _, how := range []func(){func() {}, func() { s = reopened(t, s, false) }, func() { s = reopened(t, s, true) }} {
		how()
		for _, item := range items {
			lacks(t, s, store.ErrNotFound, item)
		}
		if _, err := s.Get(t.Context(), ahead, nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get of what was removed in advance = %v", err)
		}
		serves(t, s, other)
		stats, err := s.Stats(t.Context())
		if err != nil || stats.Torrents != 1 || stats.Removed != 0 {
			t.Errorf("Stats = %+v, %v", stats, err)
		}
	}
	for _, item := range items {
		mustPut(t, s, item, store.Created)
		serves(t, s, item)
	}
	plain := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
	if err := plain.Forget(t.Context(), ids); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("Forget of a store without bound = %v", err)
	}
}
