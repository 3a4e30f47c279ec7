package diskstore

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/recovery"
)

// TestBoundedCrash cuts the power at random writes of a busy cache. The disk that is left opens,
// unless the mark was being written. It has right bytes or none, and nothing that Forget took out.
func TestBoundedCrash(t *testing.T) {
	if raced {
		return // see raced
	}
	for range rounds(2) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		cuts, refused := busyCache(t, rand.New(rand.NewPCG(seed, 5))), 0
		for _, c := range cuts {
			s, err := Open(boundedOptions(c.fs))
			if errors.Is(err, recovery.ErrForgetful) {
				refused++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			for n := range uint64(cacheCrashPuts) {
				if gets(t, s, boundedTorrent(n)) && n%10 == 0 && n < c.done {
					t.Errorf("torrent %d of %d is back, though forgotten", n, c.done)
				}
			}
			accountsAreTrue(t, s)
		}
		if refused > len(cuts)/4 {
			t.Errorf("%d of %d were refused", refused, len(cuts))
		}
	}
}

// cacheCrashPuts is how many torrents are put: twice the number that there is room for.
const cacheCrashPuts = 2 * testBound / 5000

// cacheCut is a crash of a cache after so many puts were acknowledged, and every
// tenth of them was forgotten.
type cacheCut struct {
	fs   *vfs.MemFS
	done uint64
}

// busyCache uses a cache and returns crashes at random operations.
func busyCache(t *testing.T, rng *rand.Rand) []cacheCut {
	t.Helper()
	fs := vfs.NewCrashableMem()
	var mu sync.Mutex
	var cuts []cacheCut
	done := uint64(0)
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && len(cuts) < 20 && rng.IntN(100) == 0 {
			cfg := vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}
			cuts = append(cuts, cacheCut{fs.CrashClone(cfg), done})
		}
		return nil
	})
	s := mustOpen(t, boundedOptions(errorfs.Wrap(fs, injector)))
	for n := range uint64(cacheCrashPuts) {
		if err := s.shrink(t.Context()); err != nil { // the background may be late
			t.Fatal(err)
		}
		mustPut(t, s, boundedTorrent(n), store.Created)
		gets(t, s, boundedTorrent(n/2))
		if n%10 == 0 {
			if err := s.Forget(t.Context(), boundedTorrent(n).IDs.All()[:1]); err != nil {
				t.Fatal(err)
			}
		}
		mu.Lock()
		done = n + 1
		mu.Unlock()
	}
	if len(cuts) == 0 {
		t.Fatal("no crash was made")
	}
	return cuts
}
