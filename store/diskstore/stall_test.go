package diskstore

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestCompactionStallsNobody holds a compaction up where it waits for the disk, and
// puts, removes and reads meanwhile, also the torrents that it is moving.
func TestCompactionStallsNobody(t *testing.T) {
	segment := func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, format.SegmentSuffix) }
	var removed atomic.Bool // a segment
	for name, at := range map[string]func(op errorfs.Op) bool{
		"writing the index": func(op errorfs.Op) bool { return op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") },
		"syncing the folder": func(op errorfs.Op) bool {
			gone := removed.Load()
			removed.Store(gone || op.Kind == errorfs.OpRemove && segment(op))
			return gone && op.Kind == errorfs.OpFileSync && strings.HasSuffix(op.Path, files.SegmentsDir)
		},
		"removing the file":   func(op errorfs.Op) bool { return op.Kind == errorfs.OpRemove && segment(op) },
		"reading the segment": func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileReadAt && segment(op) },
	} {
		t.Run(name, func(t *testing.T) {
			var armed atomic.Bool
			waiting, proceed := make(chan struct{}), make(chan struct{})
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if armed.Load() && at(op) && armed.Swap(false) {
					waiting <- struct{}{}
					<-proceed
				}
				return nil
			}))
			s := mustOpen(t, onDisk(fs, "/store"))
			for seed := range uint64(8) {
				mustPut(t, s, faultTorrent(seed), store.Created)
			}
			armed.Store(true)
			compacted := make(chan error)
			go func() {
				c := &compaction{store: s}
				compacted <- c.segment(t.Context(), 1)
			}()
			select {
			case <-waiting:
			case err := <-compacted:
				t.Fatalf("the compaction ended without that: %v", err)
			}
			for seed := uint64(8); seed < 16; seed++ {
				mustPut(t, s, faultTorrent(seed), store.Created)
			}
			if err := storetest.Remove(t.Context(), s, faultTorrent(8).IDs.Primary(), store.Removal{}); err != nil {
				t.Error(err)
			}
			for seed := range uint64(8) {
				serves(t, s, faultTorrent(seed))
			}
			close(proceed)
			if err := <-compacted; err != nil {
				t.Error(err)
			}
			serves(t, s, faultTorrent(0))
		})
	}
}
