package diskstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestFaults fails the file operations of a short life of a store one after the other: once each,
// and each with all that follow. Every acknowledged change is there when the disk works again.
func TestFaults(t *testing.T) {
	if raced {
		return // see raced
	}
	failEach(t, 9, faulty)
}

// failEach runs life, which returns how many operations there were, with a fault at
// every step'th of them, each if the test may be long, once with that operation
// failing alone and once with all that follow. At is -1 for no fault.
func failEach(t *testing.T, step int, life func(t *testing.T, at int, forever bool) (operations int)) {
	t.Helper()
	total := life(t, -1, false)
	if long {
		step = 1
	}
	first := rand.IntN(step)
	t.Logf("%d operations, every %dth from %d", total, step, first)
	for _, forever := range []bool{false, true} {
		for at := first; at < total; at += step {
			life(t, at, forever)
		}
	}
}

// failingAt returns fs with operation number at failing, and all that follow if forever,
// and the count of operations. Stores count from several goroutines.
func failingAt(fs vfs.FS, at int, forever bool) (vfs.FS, *atomic.Int64) {
	count := new(atomic.Int64)
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		n := int(count.Add(1)) - 1
		if at >= 0 && (n == at || n > at && forever) {
			return fmt.Errorf("operation %d on %s: %w", n, op.Path, syscall.EIO)
		}
		return nil
	})), count
}

// faulty lives through one life with a fault at operation number at, and checks the
// store afterwards. It returns how many operations there were.
func faulty(t *testing.T, at int, forever bool) int {
	t.Helper()
	fs := vfs.NewMem()
	broken, count := failingAt(fs, at, forever)
	acknowledged := live(t, broken)
	s, err := Open(onDisk(fs, "/store"))
	if err != nil {
		t.Fatalf("fault %d (forever: %v): opening afterwards: %v", at, forever, err)
	}
	defer mustClose(t, s)
	for seed, want := range acknowledged {
		got, err := observe(t.Context(), s, faultTorrent(seed))
		if err != nil || got != want {
			t.Errorf("fault %d (forever: %v): torrent %d is %d, %v; want %d", at, forever, seed, got, err, want)
		}
	}
	return int(count.Load())
}

func faultTorrent(seed uint64) store.Item {
	return storetest.Torrent(storetest.Shape(seed%3), seed, 15_000, 0)
}

// live opens a store, puts, flushes, removes, reads and closes, twice, and returns the
// acknowledged outcomes. It fails if anything read is wrong.
func live(t *testing.T, fs vfs.FS) map[uint64]outcome {
	t.Helper()
	acknowledged := map[uint64]outcome{}
	for round := range uint64(2) {
		s, err := Open(onDisk(fs, "/store"))
		if err != nil {
			continue
		}
		for seed := round * 10; seed < round*10+8; seed++ {
			item := faultTorrent(seed)
			if s.Put(t.Context(), []store.Item{item})[0].Err == nil {
				acknowledged[seed] = outerOf(item)
				if seed%4 == 3 {
					delete(acknowledged, seed) // until it is answered it may be either
					if storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{}) == nil {
						acknowledged[seed] = removed
					}
				}
			}
			if seed%5 == 2 {
				_, _ = s.index.Flush()
			}
			if is, err := observe(t.Context(), s, item); err == nil && is != outerOf(item) && is != removed && is != absent {
				t.Errorf("torrent %d reads as %d", seed, is)
			}
		}
		_ = s.Close() // its error says nothing of the acknowledged changes
	}
	return acknowledged
}

// TestFailedSync fails one fdatasync of a segment: nothing is written from then
// on, reading goes on, and opening again mends it.
func TestFailedSync(t *testing.T) {
	for _, kind := range []errorfs.OpKind{errorfs.OpFileSyncData, errorfs.OpFileWriteAt} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			var fail atomic.Bool
			injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == kind && strings.Contains(op.Path, files.SegmentsDir) && fail.Swap(false) {
					return errorfs.ErrInjected
				}
				return nil
			})
			s := mustOpen(t, onDisk(errorfs.Wrap(fs, injector), "/store"))
			before, during, after := faultTorrent(1), faultTorrent(2), faultTorrent(3)
			mustPut(t, s, before, store.Created)
			fail.Store(true)
			for _, item := range []store.Item{during, after} {
				if err := s.Put(t.Context(), []store.Item{item})[0].Err; !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("Put = %v, want ErrUnavailable", err)
				}
			}
			if err := storetest.Remove(t.Context(), s, before.IDs.Primary(), store.Removal{}); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Remove = %v, want ErrUnavailable", err)
			}
			serves(t, s, before)
			if _, err := s.Get(t.Context(), during.IDs.Primary(), nil); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Get of what was not acknowledged = %v", err)
			}
			mustClose(t, s)
			reopened := mustOpen(t, onDisk(fs, "/store"))
			serves(t, reopened, before)
			// Recovery also made the changes that it found durable, before anybody was told of
			// them.
			has, err := reopened.Has(t.Context(), during.IDs.All())
			if err != nil {
				t.Fatal(err)
			}
			mustPut(t, reopened, after, store.Created)
			crashed := mustOpen(t, onDisk(fs.CrashClone(vfs.CrashCloneCfg{}), "/store"))
			serves(t, crashed, before)
			serves(t, crashed, after)
			if has[0].Found() {
				serves(t, crashed, during)
			}
		})
	}
}
