package diskstore

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestFull makes the file system run out of space: puts are refused and nothing
// breaks, removals go on while they can, and space that returns is used.
func TestFull(t *testing.T) {
	fs := vfs.NewMem()
	var full atomic.Bool
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFilePreallocate && full.Load() {
			return syscall.ENOSPC
		}
		return nil
	})
	o := onDisk(errorfs.Wrap(fs, injector), "/store")
	s := mustOpen(t, o)
	held := faultTorrent(0)
	mustPut(t, s, held, store.Created)
	full.Store(true)
	var refused bool
	for seed := uint64(1); seed < 20; seed++ {
		r := s.Put(t.Context(), []store.Item{faultTorrent(seed), held})
		refused = refused || errors.Is(r[0].Err, store.ErrFull)
		if r[0].Err != nil && !errors.Is(r[0].Err, store.ErrFull) || refused && r[0].Err == nil {
			t.Fatalf("Put %d = %+v", seed, r[0])
		}
		if r[1].Err != nil || r[1].Outcome != store.AlreadyCached {
			t.Fatalf("Put of what is held = %+v", r[1])
		}
	}
	if !refused {
		t.Fatal("a full disk took 20 torrents of 15 kB beyond a segment of 64 KiB")
	}
	serves(t, s, held)
	full.Store(false)
	mustPut(t, s, faultTorrent(30), store.Created)
	serves(t, s, faultTorrent(30))
}

// TestMinFreeSpace keeps space free from puts, but not from removals.
func TestMinFreeSpace(t *testing.T) {
	fs := vfs.NewMem()
	o := onDisk(fs, "/store")
	o.MinFreeSpace = 1 << 20
	s := mustOpen(t, o)
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1<<20 + 1000, TotalBytes: 1 << 30})
	item := faultTorrent(1)
	if err := s.Put(t.Context(), []store.Item{item})[0].Err; !errors.Is(err, store.ErrFull) {
		t.Errorf("Put = %v, want ErrFull", err)
	}
	if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{Reason: "gone"}); err != nil {
		t.Errorf("Remove = %v", err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 29, TotalBytes: 1 << 30})
	mustPut(t, s, faultTorrent(2), store.Created)
}

// failing is a file system that fails the operations that match selects while it is on.
func failing(err error, match func(errorfs.Op) bool) (fs vfs.FS, on *atomic.Bool) {
	on = new(atomic.Bool)
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && match(op) {
			return err
		}
		return nil
	})), on
}

// TestIndexFull lets the index find no room for its tables, or fail to write them: puts
// are refused before it outgrows memory, removals are not, and puts go on afterwards.
func TestIndexFull(t *testing.T) {
	indexFails(t, syscall.ENOSPC, store.ErrFull)
	indexFails(t, syscall.EIO, store.ErrUnavailable)
}

func indexFails(t *testing.T, cause, want error) {
	t.Helper()
	fs, full := failing(cause, func(op errorfs.Op) bool {
		return op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst")
	})
	s := mustOpen(t, onDisk(fs, "/store"))
	mustPut(t, s, faultTorrent(0), store.Created)
	full.Store(true)
	flushed, err := s.index.Flush()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.index.Sync(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("sync = %v", err)
	}
	if err := s.Put(t.Context(), []store.Item{faultTorrent(1)})[0].Err; !errors.Is(err, want) {
		t.Errorf("Put = %v, want %v", err, want)
	}
	serves(t, s, faultTorrent(0))
	if err := storetest.Remove(t.Context(), s, faultTorrent(0).IDs.Primary(), store.Removal{}); err != nil {
		t.Errorf("Remove = %v", err)
	}
	if err := storetest.Restore(t.Context(), s, faultTorrent(0).IDs.Primary()); err != nil {
		t.Errorf("Restore = %v", err)
	}
	serves(t, s, faultTorrent(0))
	full.Store(false)
	<-flushed
	mustPut(t, s, faultTorrent(1), store.Created)
}

// TestIndexBreaks fails the index's manifest: reads go on, changes end, and
// opening again finds all that was acknowledged.
func TestIndexBreaks(t *testing.T) {
	fs, broken := failing(errorfs.ErrInjected, func(op errorfs.Op) bool {
		return op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.Contains(op.Path, "MANIFEST")
	})
	s := mustOpen(t, onDisk(fs, "/store"))
	for seed := range uint64(3) {
		mustPut(t, s, faultTorrent(seed), store.Created)
	}
	broken.Store(true)
	flushed, err := s.index.Flush()
	if err != nil {
		t.Fatal(err)
	}
	<-flushed
	for range 2 {
		if err := s.Put(t.Context(), []store.Item{faultTorrent(3)})[0].Err; !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Put = %v, want ErrUnavailable", err)
		}
	}
	serves(t, s, faultTorrent(1))
	mustClose(t, s)
	broken.Store(false)
	s = mustOpen(t, onDisk(fs, "/store"))
	for seed := range uint64(3) {
		serves(t, s, faultTorrent(seed))
	}
	mustPut(t, s, faultTorrent(3), store.Created)
}
