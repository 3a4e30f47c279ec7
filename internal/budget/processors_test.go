package budget

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A single core has two threads while something is written, and one again after ten seconds.
func TestOverlapSync(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	t.Setenv("GOMAXPROCS", "")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var written atomic.Int64
		go OverlapSync(ctx, written.Load)
		for _, step := range []struct {
			writes int64
			lasts  time.Duration
			want   int
		}{{0, 5 * time.Second, 1}, {1, time.Second, 2}, {0, 9 * time.Second, 2}, {1, 9 * time.Second, 2}, {0, 3 * time.Second, 1}, {1, time.Second, 2}} {
			written.Add(step.writes)
			time.Sleep(step.lasts)
			synctest.Wait()
			if got := runtime.GOMAXPROCS(0); got != step.want {
				t.Errorf("%s after %d writes: %d threads, want %d", step.lasts, step.writes, got, step.want)
			}
		}
	})
}

// With more cores, or when the operator says how many threads, nothing changes.
func TestOverlapSyncElsewhere(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for environment, threads := range map[string]int{"": 3, "1": 1} {
		t.Setenv("GOMAXPROCS", environment)
		runtime.GOMAXPROCS(threads)
		OverlapSync(t.Context(), func() int64 { panic("it asks") })
		if got := runtime.GOMAXPROCS(0); got != threads {
			t.Errorf("GOMAXPROCS=%q, %d: %d", environment, threads, got)
		}
	}
}
