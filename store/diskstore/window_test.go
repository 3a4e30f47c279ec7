package diskstore

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestWalkReadsAhead compacts a segment of many small torrents, and counts reads:
// a record costs much less than one.
func TestWalkReadsAhead(t *testing.T) {
	var reads atomic.Int64
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileReadAt && strings.HasSuffix(op.Path, format.SegmentName(1)) {
			reads.Add(1)
		}
		return nil
	}))
	o := onDisk(fs, "/store")
	o.SegmentSize = 8 << 20
	s := mustOpen(t, o)
	items := make([]store.Item, 1000)
	for i := range items {
		items[i] = storetest.Torrent(storetest.V1, uint64(i), 1000, 0)
	}
	items[500] = storetest.Torrent(storetest.V1, 500, 2*windowSize, 0) // does not fit in
	for _, r := range s.Put(t.Context(), items) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	end := s.committer.stats().offset
	reads.Store(0)
	c := &compaction{store: s, pace: newPace(0)}
	if err := c.segment(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if n := reads.Load(); n > end/windowSize+5 {
		t.Errorf("%d reads of a segment of %d bytes with %d torrents", n, end, len(items))
	}
	for _, item := range items {
		serves(t, s, item)
	}
}
