package diskstore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestRemovalAheadKeepsItsIDs removes the ids of an erased and restored torrent in advance, each by
// itself. They stay apart in a new index, also when the restoration has left the log before the
// removal that it undid.
func TestRemovalAheadKeepsItsIDs(t *testing.T) {
	s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
	item := storetest.Torrent(storetest.V2, 1, 1000, 0)
	whole, short := item.IDs.V2, item.IDs.V2.Short()
	mustPut(t, s, item, store.Created)
	one := func(all []store.Removed) store.Removed {
		t.Helper()
		if all[0].Err != nil {
			t.Fatal(all[0].Err)
		}
		return all[0]
	}
	one(s.Remove(t.Context(), []infohash.ID{whole}, store.Removal{Erase: true}))
	seal(t, s)
	one(s.Restore(t.Context(), []infohash.ID{whole}))
	restored := s.committer.Stats().Segment
	seal(t, s)
	one(s.Remove(t.Context(), []infohash.ID{short}, store.Removal{}))
	one(s.Remove(t.Context(), []infohash.ID{whole}, store.Removal{}))
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	if err := c.segment(t.Context(), restored); err != nil {
		t.Fatal(err)
	}
	o := s.options
	mustClose(t, s)
	if err := o.FS.RemoveAll(o.FS.PathJoin(o.Dir, files.IndexDir)); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	for _, id := range []infohash.ID{short, whole} {
		if got := one(s.Restore(t.Context(), []infohash.ID{id})); got.IDs != id.Set() || got.Held {
			t.Errorf("Restore of %v = %+v", id, got)
		}
	}
}
