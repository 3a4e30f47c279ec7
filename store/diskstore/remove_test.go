package diskstore

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestRemovalsShareTheirSyncs counts the syncs of the log while many ids are removed.
func TestRemovalsShareTheirSyncs(t *testing.T) {
	var syncs atomic.Int64
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, format.SegmentSuffix) {
			syncs.Add(1)
		}
		return nil
	}))
	o := onDisk(fs, "/store")
	o.SegmentSize = 16 << 20
	s := mustOpen(t, o)
	ids := make([]infohash.ID, 3000)
	for i := range ids {
		ids[i] = storetest.Torrent(storetest.V1, uint64(i), 100, 0).IDs.V1
	}
	syncs.Store(0)
	for _, r := range s.Remove(t.Context(), ids, store.Removal{Reason: "many"}) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if n := syncs.Load(); n > 10 {
		t.Errorf("%d removals took %d syncs", len(ids), n)
	}
}

// TestEraseMany removes many torrents with Erase: the bytes of all of them are off the
// disk, each segment was compacted once, and the others are served.
func TestEraseMany(t *testing.T) {
	s, items := filled(t, 60)
	segments, last := len(s.segments.Usages()), lastSegment(s)
	var ids []infohash.ID
	for i := 0; i < len(items); i += 2 {
		ids = append(ids, items[i].IDs.Primary())
	}
	for _, r := range s.Remove(t.Context(), ids, store.Removal{Erase: true}) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	for i, item := range items {
		if i%2 != 0 {
			serves(t, s, item)
		} else if onDiskAnywhere(t, s.options, item.Info()) {
			t.Errorf("torrent %d is still on disk", i)
		}
	}
	if made := lastSegment(s) - last; made > uint64(segments) {
		t.Errorf("%d segments were made to erase what was in %d", made, segments)
	}
	accountsAreTrue(t, s)
}

// lastSegment returns the highest number of a segment.
func lastSegment(s *Store) (last uint64) {
	for _, u := range s.segments.Usages() {
		last = max(last, u.Segment)
	}
	return last
}
