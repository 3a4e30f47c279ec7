package diskstore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// script is a workload with everything a store does. The ledger knows at every moment
// which outcomes were acknowledged and which are asked for. A step that fails leaves
// its outcome open. backedUp is told when a backup in dir is whole.
func script(t *testing.T, o Options, l *ledger, backedUp func(dir string)) {
	s, err := Open(o)
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }() // its error says nothing of the acknowledged changes
	ctx := t.Context()
	item := func(seed uint64) store.Item { return crashTorrent(seed, 0) }
	put := func(seed uint64, outer int) { _ = putOne(ctx, s, l, seed, crashTorrent(seed, outer)) }
	remove := func(seed uint64, erase bool) {
		if f := l.copy().of(seed); f.acknowledged == absent || f.pending != none {
			return // in advance it would be of one id only
		}
		l.expect(seed, removed)
		if storetest.Remove(ctx, s, item(seed).IDs.Primary(), store.Removal{Reason: "script", Erase: erase}) == nil {
			l.done(seed, removed)
		}
	}
	restore := func(seed uint64) {
		if f := l.copy().of(seed); f.acknowledged != removed || f.pending != none {
			return
		}
		_ = restoreOne(ctx, s, l, seed, item(seed))
	}
	compact := func() {
		for _, id := range s.segments.IDs() {
			c := &compaction{store: s, now: s.options.Clock().Unix()}
			_ = c.segment(ctx, id)
		}
	}
	for seed := range uint64(4) {
		put(seed, 0)
	}
	_ = putNew(ctx, s, l, 100, 5)
	s.noteSynced()
	put(1, 1)
	remove(2, false)
	remove(3, true)
	compact()
	restore(2)
	put(4, 0)
	s.noteSynced()
	if s.Backup(ctx, "/backup", nil) == nil {
		backedUp("/backup")
	}
	remove(101, true)
	s.noteSynced()
	restore(3)
	put(3, 2)
	remove(1, false)
	compact()
	restore(1)
}

// scriptOptions makes segments so small that the script fills several.
func scriptOptions(fs vfs.FS) Options {
	o := onDisk(fs, "/store")
	o.SegmentSize = 24 << 10
	return o
}

// TestCrashEverywhere cuts the power at every write and sync of the script: once with
// none of the unsynced data, once with a part of it, and at syncs (at writes too in a
// long run) with all of it but one block or name, for each of them in turn.
func TestCrashEverywhere(t *testing.T) {
	if raced {
		return // see raced
	}
	for range rounds(1) {
		crashEverywhere(t, rand.Uint64())
	}
}

func crashEverywhere(t *testing.T, seed uint64) {
	t.Helper()
	t.Logf("seed %d", seed)
	c := &crasher{
		t: t, fs: vfs.NewCrashableMem(), ledger: newLedger(), rng: rand.New(rand.NewPCG(seed, 4)),
		seen: map[string]bool{}, backups: map[string]*ledger{},
	}
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			c.crash(op)
		}
		return nil
	})
	script(t, scriptOptions(errorfs.Wrap(c.fs, injector)), c.ledger, func(dir string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.backups[dir] = c.ledger.copy()
	})
	t.Logf("%d operations, %d parts dropped, %d different disks", c.operations, c.dropped, len(c.seen))
	if c.operations < 100 || c.dropped < 100 || len(c.backups) != 1 {
		t.Errorf("%d operations, %d parts dropped and %d backups: the script did not run", c.operations, c.dropped, len(c.backups))
	}
}

// crasher makes crashes of a disk in use and verifies the disks that are left.
type crasher struct {
	t      *testing.T
	fs     *vfs.MemFS
	ledger *ledger

	mu         sync.Mutex
	rng        *rand.Rand
	operations int
	dropped    int             // parts that were dropped alone
	seen       map[string]bool // disks that were verified
	backups    map[string]*ledger
}

// crash verifies crashes before op is done.
func (c *crasher) crash(op errorfs.Op) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.operations++
	known, none, some, all := c.cut()
	synced, written := snapshot(c.t, none), snapshot(c.t, all)
	c.verify(synced, known)
	c.verify(snapshot(c.t, some), known)
	syncs := []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}
	if !long && !slices.Contains(syncs, op.Kind) { // most is unsynced before a sync
		return
	}
	c.verify(written, known)
	for _, p := range written.unsynced(synced) {
		c.verify(written.without(p, synced), known)
		c.dropped++
	}
}

// cut returns the ledger and the disk as they are at one moment: with none of the
// unsynced data, with some of it, and with all. The index works in the background, so
// that the script may go on meanwhile; but then it waits for the ledger.
func (c *crasher) cut() (known *ledger, none, some, all *vfs.MemFS) {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	clone := func(percent int) *vfs.MemFS {
		return c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: c.rng})
	}
	return c.ledger.copyLocked(), clone(0), clone(50), clone(100)
}

// verify opens a disk after a crash, unless the same was seen before. Acknowledged
// changes must be there.
func (c *crasher) verify(crashed disk, known *ledger) {
	sum := fmt.Sprint(crashed.sum(), len(known.fates), known.fates)
	if c.seen[sum] {
		return
	}
	c.seen[sum] = true
	fs := crashed.mount(c.t)
	settle(c.t, scriptOptions(fs), known)
	for dir, then := range c.backups {
		o := scriptOptions(fs)
		o.Dir = dir
		settle(c.t, o, then.copy())
	}
}

// settle opens a store and compares it with a ledger. It is called in operations
// of another one, whose goroutine must not end.
func settle(t *testing.T, o Options, l *ledger) {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Errorf("opening after a crash: %v", err)
		return
	}
	found := map[uint64]outcome{}
	for seed, f := range l.fates {
		is, err := observe(t.Context(), s, crashTorrent(seed, 0))
		if err != nil || is != f.acknowledged && is != f.pending {
			t.Errorf("torrent %d is %d, %v; want %d, or %d that was pending", seed, is, err, f.acknowledged, f.pending)
		}
		found[seed] = is
	}
	accountsAreTrue(t, s)
	hasNoMarks(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	staysSo(t, o, found)
}

// staysSo builds the index anew: the outcomes that were found, though nobody had been
// told of them or had been told of something else, must not change any more.
func staysSo(t *testing.T, o Options, found map[uint64]outcome) {
	t.Helper()
	if _, err := Reindex(o); err != nil {
		t.Error(err)
		return
	}
	s, err := Open(o)
	if err != nil {
		t.Error(err)
		return
	}
	defer mustClose(t, s)
	for seed, was := range found {
		if is, err := observe(t.Context(), s, crashTorrent(seed, 0)); err != nil || is != was {
			t.Errorf("torrent %d was %d; with a new index it is %d, %v", seed, was, is, err)
		}
	}
	hasNoMarks(t, s)
}
