package diskstore

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestCrash cuts the power at random writes and syncs of a busy store, each unsynced block kept or
// lost by chance. It opens the disk that is left, writes to it and cuts it off once more.
func TestCrash(t *testing.T) {
	for range rounds(3) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewCrashableMem()
		cuts := busy(t, fs, rng.Uint64(), newLedger())
		for _, c := range cuts {
			c.verify(t)
			again := busy(t, c.fs, rng.Uint64(), c.ledger)
			for _, c := range again[:min(2, len(again))] {
				c.verify(t)
			}
		}
		if len(cuts) == 0 {
			t.Fatal("no crash was made")
		}
	}
}

// fate holds the outcomes that one torrent may have after a crash: the one that was
// acknowledged, or the one that was asked for and not answered yet.
type fate struct{ acknowledged, pending outcome }

// outcome is the outer bytes a torrent has, or one of those below.
type outcome int

const (
	absent outcome = -iota - 1
	removed
	none // nothing is pending
)

// ledger holds what the callers of a store know. Every torrent has one writer.
type ledger struct {
	mu    sync.Mutex
	fates map[uint64]fate // by the seed of the torrent
}

func newLedger() *ledger { return &ledger{fates: map[uint64]fate{}} }

func (l *ledger) of(seed uint64) fate {
	if f, ok := l.fates[seed]; ok {
		return f
	}
	return fate{absent, none}
}

// expect notes the outcome that is asked for, done that it was acknowledged.
func (l *ledger) expect(seed uint64, want outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fates[seed] = fate{l.of(seed).acknowledged, want}
}

func (l *ledger) done(seed uint64, is outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fates[seed] = fate{is, none}
}

// copy returns the ledger at one moment.
func (l *ledger) copy() *ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.copyLocked()
}

// copyLocked is copy for callers that hold mu.
func (l *ledger) copyLocked() *ledger {
	c := newLedger()
	maps.Copy(c.fates, l.fates)
	return c
}

// cut is a crash: the disk after it, and the outcomes that had been acknowledged before.
type cut struct {
	fs     *vfs.MemFS
	ledger *ledger
}

// maxCuts bounds the crashes of one busy run.
const maxCuts = 8

// busy runs writers on fs and returns crashes at random operations.
func busy(t *testing.T, fs *vfs.MemFS, seed uint64, l *ledger) []cut {
	t.Helper()
	var mu sync.Mutex
	var cuts []cut
	rng := rand.New(rand.NewPCG(seed, 2))
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && len(cuts) < maxCuts && rng.IntN(25) == 0 {
			known := l.copy()
			keep := []int{0, 20, 50, 80, 100}[rng.IntN(5)]
			crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rng})
			cuts = append(cuts, cut{crashed, known})
		}
		return nil
	})
	s, err := Open(onDisk(errorfs.Wrap(fs, injector), "/store"))
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() { write(t, s, l, uint64(w), rand.New(rand.NewPCG(seed, uint64(w)+10))) })
	}
	writers.Wait()
	mustClose(t, s)
	return cuts
}

// write changes the torrents of one writer at random.
func write(t *testing.T, s *Store, l *ledger, writer uint64, rng *rand.Rand) {
	for range 15 {
		seed := writer*1000 + rng.Uint64N(20)
		item := crashTorrent(seed, int(rng.Uint64N(1000)))
		l.mu.Lock()
		was := l.of(seed)
		l.mu.Unlock()
		var err error
		switch choice := rng.IntN(10); {
		case choice == 0:
			_, err = s.index.Flush()
		case was.acknowledged == removed:
			err = restoreOne(t.Context(), s, l, seed, item)
		case choice == 1 && was.acknowledged != absent:
			l.expect(seed, removed)
			if err = storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{Reason: "crash"}); err == nil {
				l.done(seed, removed)
			}
		case choice < 5:
			err = putNew(t.Context(), s, l, writer<<40|rng.Uint64N(1<<30)<<4|1<<20, 3)
		default:
			err = putOne(t.Context(), s, l, seed, item)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// crashTorrent returns the torrent of a seed with outer bytes that its version
// can be told by.
func crashTorrent(seed uint64, outer int) store.Item {
	item := storetest.Torrent(storetest.Shape(seed%3), seed, 200+int(seed*977%9000), outer)
	item.Rank = store.RankKeyed
	return item
}

// putOne puts item over the version that is there, if any.
func putOne(ctx context.Context, s *Store, l *ledger, seed uint64, item store.Item) error {
	outer := outerOf(item)
	held, err := s.Get(ctx, item.IDs.Primary(), nil)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	item.Replaces = held.Version
	l.expect(seed, outer)
	r := s.Put(ctx, []store.Item{item})[0]
	if r.Err == nil {
		l.done(seed, outer)
	}
	return r.Err
}

// putNew puts n torrents at once, which nobody put before.
func putNew(ctx context.Context, s *Store, l *ledger, seed uint64, n uint64) error {
	var items []store.Item
	for i := range n {
		items = append(items, crashTorrent(seed+i, 0))
		l.expect(seed+i, outerOf(items[i]))
	}
	var errs []error
	for i, r := range s.Put(ctx, items) {
		if errs = append(errs, r.Err); r.Err == nil {
			l.done(seed+uint64(i), outerOf(items[i]))
		}
	}
	return errors.Join(errs...)
}

// restoreOne restores item, whichever version of it was removed.
func restoreOne(ctx context.Context, s *Store, l *ledger, seed uint64, item store.Item) error {
	e, err := s.index.Get(item.IDs.Primary())
	if err != nil {
		return err
	}
	back := absent
	if !e.At.IsZero() {
		back = outcomeOf(e.Version)
	}
	l.expect(seed, back)
	if err := storetest.Restore(ctx, s, item.IDs.Primary()); err != nil {
		return err
	}
	l.done(seed, back)
	return nil
}

// outerOf returns which outer bytes item has, as an outcome.
func outerOf(item store.Item) outcome { return outcomeOf(store.VersionOf(item.Torrent)) }

func outcomeOf(v store.Version) outcome {
	return outcome(uint32(v[0]) | uint32(v[1])<<8 | uint32(v[2])<<16)
}

// verify opens the crashed disk and compares it with the ledger. It then settles the
// outcomes that were open in the ledger.
func (c cut) verify(t *testing.T) {
	t.Helper()
	s, err := Open(onDisk(c.fs, "/store"))
	if err != nil {
		t.Fatalf("opening after a crash: %v", err)
	}
	defer mustClose(t, s)
	for seed, f := range c.ledger.fates {
		item := crashTorrent(seed, 0)
		is, err := observe(t.Context(), s, item)
		if err != nil {
			t.Errorf("torrent %d: %v", seed, err)
		}
		if is != f.acknowledged && is != f.pending {
			t.Errorf("torrent %d is %d, want %d, or %d that was pending", seed, is, f.acknowledged, f.pending)
		}
		c.ledger.done(seed, is)
	}
	feedAgrees(t, s)
}

// observe returns the outcome that all ids of item have, which must be the same.
func observe(ctx context.Context, s *Store, item store.Item) (outcome, error) {
	var seen []outcome
	for _, id := range item.IDs.All() {
		got, err := s.Get(ctx, id, nil)
		switch {
		case errors.Is(err, store.ErrNotFound):
			seen = append(seen, absent)
		case errors.Is(err, store.ErrRemoved):
			seen = append(seen, removed)
		case err != nil:
			return none, err
		case store.VersionOf(got.Bytes) != got.Version:
			return none, errors.New("wrong bytes")
		default:
			seen = append(seen, outerOf(store.Item{Torrent: got.Bytes}))
		}
	}
	for _, o := range seen {
		if o != seen[0] {
			return none, errors.New("the ids of one torrent disagree")
		}
	}
	return seen[0], nil
}

// feedAgrees fails unless the latest change of every id agrees with Get.
func feedAgrees(t *testing.T, s *Store) {
	t.Helper()
	changes, _, err := s.Changes(t.Context(), store.Cursor{}, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	latest := map[infohash.Set]store.ChangeKind{}
	for _, c := range changes {
		latest[c.IDs] = c.Kind
	}
	for ids, kind := range latest {
		_, err := s.Get(t.Context(), ids.Primary(), nil)
		if got := errors.Is(err, store.ErrRemoved); got != (kind == store.ChangeRemoved) {
			t.Errorf("%v: the latest change is %d, Get says %v", ids.Primary(), kind, err)
		}
	}
}
