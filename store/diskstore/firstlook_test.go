package diskstore

import (
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
)

// firstLookAlone makes TestFirstLook run its store in this process.
const firstLookAlone = "TORRENTCACHE_TEST_FIRST_LOOK"

// TestFirstLook kills a store each time before compactEvery has passed. The short segments that
// the kills leave are put together all the same, since the background looks after firstLook.
//
// It runs in a process of its own: Pebble keeps channels in a pool for all databases, and a
// channel of a synctest bubble must not leave it.
func TestFirstLook(t *testing.T) {
	if os.Getenv(firstLookAlone) != "" {
		synctest.Test(t, killBeforeCompactEvery)
		return
	}
	alone := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFirstLook$", "-test.count=1", "-test.timeout=5m")
	alone.Env = append(os.Environ(), firstLookAlone+"=1")
	if out, err := alone.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func killBeforeCompactEvery(t *testing.T) {
	const kills = 24
	o := onDisk(vfs.NewCrashableMem(), "/store")
	o.Clock, o.CompactionRate = fixedClock, 0
	most := 0
	for i := range uint64(kills) {
		s := mustOpen(t, o)
		mustPut(t, s, faultTorrent(i), store.Created)
		time.Sleep(compactEvery / 2)
		synctest.Wait()
		most = max(most, len(s.segments.IDs()))
		o = afterCrash(s)
		mustClose(t, s)
	}
	if most > kills/2 {
		t.Errorf("%d kills left %d segments", kills, most)
	}
	s := mustOpen(t, o)
	for i := range uint64(kills) {
		serves(t, s, faultTorrent(i))
	}
}
