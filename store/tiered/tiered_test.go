package tiered

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

var one = storetest.Torrent(storetest.Hybrid, 1, 5000, 0)

func TestSecondReadIsLocal(t *testing.T) {
	remote := newRemote()
	n := start(t, remote)
	item := one
	item.Rank = store.RankKeyed
	put(t, n.Store, item, store.Created)
	if !n.want(item) {
		t.Error("the first read did not ask the remote")
	}
	n.cached(item)
	before, _ := remote.Get(t.Context(), item.IDs.V1, nil)
	got, err := n.Store.Get(t.Context(), item.IDs.V1, nil)
	if err != nil || !got.Stored.Equal(before.Stored) || got.Stale {
		t.Errorf("got %v of %s, want %s", err, got.Stored, before.Stored)
	}
	if s := n.CacheStats(t.Context()); s.Hits == 0 || s.Misses == 0 || s.Torrents != 1 || s.Bytes == 0 || !s.Usable || s.Stale != 0 {
		t.Errorf("%+v", s)
	}
}

// Changes at another node are in force here while the feed is heard.
func TestChangesElsewhere(t *testing.T) {
	keyed := storetest.Torrent(storetest.Hybrid, 1, 5000, 1)
	keyed.Rank = store.RankKeyed
	replacing, raised := keyed, one
	replacing.Replaces = store.VersionOf(one.Torrent)
	raised.Rank = 150
	for name, change := range map[string]struct {
		do   func(*testing.T, store.Store)
		want func(*node) bool
	}{
		"removed": {
			func(t *testing.T, s store.Store) {
				must(t, storetest.Remove(t.Context(), s, one.IDs.V2, store.Removal{}))
			},
			func(n *node) bool { return errors.Is(n.get(), store.ErrRemoved) },
		},
		"erased and restored": {
			func(t *testing.T, s store.Store) {
				must(t, storetest.Remove(t.Context(), s, one.IDs.V1, store.Removal{Erase: true}))
				must(t, storetest.Restore(t.Context(), s, one.IDs.V1))
			},
			func(n *node) bool { return errors.Is(n.get(), store.ErrNotFound) },
		},
		"replaced": {
			func(t *testing.T, s store.Store) { put(t, s, replacing, store.Replaced) },
			func(n *node) bool {
				got, err := n.Store.Get(t.Context(), one.IDs.V1, nil)
				return err == nil && got.Version == store.VersionOf(keyed.Torrent)
			},
		},
		"of a higher rank": {
			func(t *testing.T, s store.Store) { put(t, s, raised, store.AlreadyCached) },
			func(n *node) bool {
				got, err := n.Store.Get(t.Context(), one.IDs.V1, nil)
				return err == nil && got.Rank == raised.Rank
			},
		},
		"erased and uploaded anew": {
			func(t *testing.T, s store.Store) {
				must(t, storetest.Remove(t.Context(), s, one.IDs.V1, store.Removal{Erase: true}))
				must(t, storetest.Restore(t.Context(), s, one.IDs.V1))
				put(t, s, keyed, store.Created)
			},
			func(n *node) bool {
				got, err := n.Store.Get(t.Context(), one.IDs.V1, nil)
				return err == nil && got.Version == store.VersionOf(keyed.Torrent)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			remote, n := startCached(t)
			change.do(t, remote)
			begun := time.Now()
			eventually(t, "the change is never in force", func() bool { return change.want(n) })
			t.Logf("in force after %s", time.Since(begun))
			for range 20 {
				if !change.want(n) {
					t.Fatal("the change is undone")
				}
			}
			before := n.reopen()
			if !change.want(before) {
				t.Error("the change is undone by opening")
			}
		})
	}
}

func (n *node) get() error {
	_, err := n.Store.Get(n.t.Context(), one.IDs.V1, nil)
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A change that the feed gives out is in force: nobody who hears of it reads the state before it.
func TestNothingOldAfterTheFeedTold(t *testing.T) {
	remote := newRemote()
	n := start(t, remote)
	after, err := n.End(t.Context())
	must(t, err)
	for i := range uint64(20) {
		item := storetest.Torrent(storetest.V1, i, 500, 0)
		put(t, remote, item, store.Created)
		n.cached(item)
		must(t, storetest.Remove(t.Context(), remote, item.IDs.V1, store.Removal{}))
		for removed := false; !removed; {
			changes, next, err := n.Changes(t.Context(), after, 10)
			must(t, err)
			after = next
			for _, c := range changes {
				removed = removed || c.Kind == store.ChangeRemoved
			}
		}
		n.wantErr(item.IDs.V1, store.ErrRemoved)
	}
}

// A load that began before a change makes no copy after it.
func TestChangeDuringALoad(t *testing.T) {
	changeDuringLoads(t, 1, one.IDs.V2)
}

// A load that takes so long that another one begins makes no copy after a change
// that came when both were under way.
func TestChangeDuringTwoLoads(t *testing.T) {
	changeDuringLoads(t, 2, one.IDs.V1)
}

// changeDuringLoads removes a torrent by id while so many loads of it are under way,
// each begun when the one before was no longer fresh.
func changeDuringLoads(t *testing.T, loads int, id infohash.ID) {
	t.Helper()
	remote := newRemote()
	put(t, remote, one, store.Created)
	n := start(t, remote)
	n.fills.loads.MaxAge = 1 // of which each is older at once
	eventually(t, "the feed is not heard", func() bool { return n.feed.known.Load() })
	entered, leave := make(chan bool), make(chan bool)
	n.set(func(l *line) { l.entered, l.leave = entered, leave })
	got := make(chan error, loads)
	for range loads {
		go func() { got <- n.get() }()
		<-entered
	}
	must(t, storetest.Remove(t.Context(), n.Store, id, store.Removal{}))
	n.set(func(l *line) { l.entered = nil })
	close(leave)
	for range loads {
		must(t, <-got) // it began before
	}
	n.fills.running.Wait()
	n.wantErr(one.IDs.V1, store.ErrRemoved)
	if s := n.CacheStats(t.Context()); s.Torrents != 0 {
		t.Errorf("%d copies", s.Torrents)
	}
}

func TestManyReadsOneLoad(t *testing.T) {
	remote := newRemote()
	put(t, remote, one, store.Created)
	n := start(t, remote)
	entered, leave := make(chan bool), make(chan bool)
	n.set(func(l *line) { l.entered, l.leave = entered, leave })
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { n.want(one) })
	}
	<-entered
	eventually(t, "not all wait", func() bool { return n.CacheStats(t.Context()).Misses == 50 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Store.Get(ctx, one.IDs.V1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone got %v", err)
	}
	n.set(func(l *line) { l.entered = nil })
	close(leave)
	all.Wait()
	if c := n.count(); c != 1 {
		t.Errorf("the remote was asked %d times", c)
	}
}

// The remote vouches for its bytes by their version; others are no answer.
func TestOtherBytesThanNamed(t *testing.T) {
	n := start(t, liar{newRemote()})
	put(t, n.Store, one, store.Created)
	n.wantErr(one.IDs.V1, store.ErrDamaged)
}

// liar is a store whose bytes change on the way.
type liar struct{ store.Store }

func (l liar) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	t, err := l.Store.Get(ctx, id, alloc)
	t.Bytes = append([]byte("x"), t.Bytes...)
	return t, err
}

// A load that found nothing does not answer a reader who asks after the torrent was put elsewhere.
func TestPutAfterALoadThatFoundNothing(t *testing.T) {
	remote := newRemote()
	n := start(t, remote)
	entered, leave := make(chan bool), make(chan bool)
	n.set(func(l *line) { l.entered, l.leave = entered, leave })
	before := make(chan error, 1)
	go func() { before <- n.get() }()
	<-entered
	n.set(func(l *line) { l.entered = nil })
	put(t, remote, one, store.Created)
	after := make(chan error, 1)
	go func() { after <- n.get() }()
	eventually(t, "nobody waits", func() bool { return n.CacheStats(t.Context()).Misses == 2 })
	close(leave)
	if err := <-before; !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the first read says %v", err)
	}
	must(t, <-after)
}

// A load ends with its reader; the next reader that waits for it loads.
func TestReaderThatLeavesALoad(t *testing.T) {
	remote := newRemote()
	put(t, remote, one, store.Created)
	n := start(t, remote)
	entered, leave := make(chan bool), make(chan bool)
	n.set(func(l *line) { l.entered, l.leave = entered, leave })
	ctx, cancel := context.WithCancel(t.Context())
	left, stayed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := n.Store.Get(ctx, one.IDs.V1, nil)
		left <- err
	}()
	<-entered
	go func() { stayed <- n.get() }()
	eventually(t, "nobody waits", func() bool { return n.CacheStats(t.Context()).Misses == 2 })
	n.set(func(l *line) { l.entered = nil })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the reader that left got %v", err)
	}
	must(t, <-stayed)
	n.cached(one)
}
