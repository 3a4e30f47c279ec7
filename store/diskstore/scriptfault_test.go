package diskstore

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestFaultsEverywhere fails the file operations of the script one after the
// other, once each and each with all that follow: the store never ends the
// process, never hangs, and what was acknowledged is there when the disk works.
func TestFaultsEverywhere(t *testing.T) {
	total := scriptWithFault(t, -1, false)
	step := 11
	if long {
		step = 1
	}
	first := rand.IntN(step)
	t.Logf("%d operations, every %dth from %d", total, step, first)
	for _, forever := range []bool{false, true} {
		for at := first; at < total; at += step {
			scriptWithFault(t, at, forever)
		}
	}
}

func scriptWithFault(t *testing.T, at int, forever bool) int {
	t.Helper()
	fs := vfs.NewMem()
	var mu sync.Mutex
	count := 0
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		count++
		if n := count - 1; at >= 0 && (n == at || n > at && forever) {
			return fmt.Errorf("operation %d on %s: %w", n, op.Path, errorfs.ErrInjected)
		}
		return nil
	})
	l := newLedger()
	backups := map[string]*ledger{}
	script(t, scriptOptions(errorfs.Wrap(fs, injector)), l, func(dir string) { backups[dir] = l.copy() })
	settleLoosely(t, scriptOptions(fs), l)
	for dir, then := range backups {
		o := scriptOptions(fs)
		o.Dir = dir
		settleLoosely(t, o, then)
	}
	if t.Failed() {
		t.Fatalf("fault %d (forever: %v)", at, forever)
	}
	mu.Lock()
	defer mu.Unlock()
	return count
}

// settleLoosely is settle for a ledger in which steps failed: a torrent with a
// step that is open may be anything that was ever asked for, but in one piece.
func settleLoosely(t *testing.T, o Options, l *ledger) {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatalf("opening afterwards: %v", err)
	}
	defer mustClose(t, s)
	for seed, f := range l.fates {
		is, err := observe(t.Context(), s, crashTorrent(seed, 0))
		if err != nil || is != f.acknowledged && f.pending == none {
			t.Errorf("torrent %d is %d, %v; want %d", seed, is, err, f.acknowledged)
		}
	}
	feedAgrees(t, s)
}
