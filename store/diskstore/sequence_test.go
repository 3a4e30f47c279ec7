package diskstore

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestTornSequences cuts the power while two groups of thousands of changes are on
// their way: where the disk lost them, their sequences are not given out again.
func TestTornSequences(t *testing.T) {
	if raced {
		return // see raced
	}
	disk := vfs.NewCrashableMem()
	proceed := make(chan struct{})
	release := sync.OnceFunc(func() { close(proceed) })
	defer release() // or a failure here hangs when the store is closed
	o := onDisk(errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, format.SegmentSuffix) {
			<-proceed
		}
		return nil
	})), "/store")
	o.SegmentSize = 16 << 20
	s := mustOpen(t, o)
	items := make([]store.Item, 6*commit.MaxGroupChanges)
	for i := range items {
		items[i] = storetest.Torrent(storetest.V1, uint64(i), 100, 0)
	}
	put := make(chan struct{})
	go func() {
		s.Put(t.Context(), items)
		close(put)
	}()
	until(func() bool {
		return writtenThrough(s) >= 2*commit.MaxGroupChanges*format.RecordSize(len(items[0].Torrent))
	})
	o.FS = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})
	kept := mustOpen(t, o)
	changes, _, err := kept.Changes(t.Context(), store.Cursor{}, 1<<30)
	if err != nil || len(changes) < 2*commit.MaxGroupChanges {
		t.Fatalf("%d changes were on their way, %v", len(changes), err)
	}
	o.FS = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})
	b := readFile(t, o.FS, fileOf(o, 1))
	clear(b[format.SegmentStart:]) // the file has its length, its content is lost
	writeFile(t, o.FS, fileOf(o, 1), b)
	lost := mustOpen(t, o)
	if skipped := lost.committer.Stats().Sequence; skipped < uint64(len(changes)) {
		t.Errorf("%d sequences were used before the power cut, of which the next start skips %d", len(changes), skipped)
	}
	release()
	<-put
}
