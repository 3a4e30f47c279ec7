package diskstore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestFaultsEverywhere fails the file operations of the script one after the
// other, once each and each with all that follow: the store never ends the
// process, never hangs, and what was acknowledged is there when the disk works.
func TestFaultsEverywhere(t *testing.T) {
	failEach(t, 11, scriptWithFault)
}

func scriptWithFault(t *testing.T, at int, forever bool) int {
	t.Helper()
	fs := vfs.NewMem()
	broken, count := failingAt(fs, at, forever)
	l := newLedger()
	backups := map[string]*ledger{}
	script(t, scriptOptions(broken), l, func(dir string) { backups[dir] = l.copy() })
	settleLoosely(t, scriptOptions(fs), l)
	for dir, then := range backups {
		o := scriptOptions(fs)
		o.Dir = dir
		settleLoosely(t, o, then)
	}
	if t.Failed() {
		t.Fatalf("fault %d (forever: %v)", at, forever)
	}
	return int(count.Load())
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
