package tiered

import (
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// A change of any kind but one takes away the copy, also of a kind that only newer
// programs know, and also if it names one id alone.
func TestKindsThatTakeCopiesAway(t *testing.T) {
	_, n := startCached(t)
	for _, kind := range []store.ChangeKind{store.ChangeAdded, store.ChangeReplaced, store.ChangeRemoved, store.ChangeRestored, store.ChangeDropped, store.ChangeDropped + 1, 255} {
		for _, ids := range []infohash.Set{one.IDs, one.IDs.V2.Set(), one.IDs.V2.Short().Set()} {
			n.cached(one)
			n.apply([]store.Change{{Kind: kind, IDs: ids}})
			left := n.CacheStats(t.Context()).Torrents
			if want := kind == store.ChangeAdded; (left == 1) != want {
				t.Errorf("after a change of kind %d of %v: %d copies", kind, ids, left)
			}
		}
	}
}

// An envelope of another version of this program is no copy, and makes room for one.
func TestEnvelopeOfAnotherVersion(t *testing.T) {
	remote := newRemote()
	put(t, remote, one, store.Created)
	n := start(t, remote)
	held, err := remote.Get(t.Context(), one.IDs.V1, nil)
	must(t, err)
	for _, other := range []string{"tct1", "tct3"} {
		old := wrap(held)
		copy(old.Torrent, other)
		disk := n.local.disk.Load()
		must(t, disk.Forget(t.Context(), one.IDs.All()))
		put(t, disk, old, store.Created)
		if !n.want(one) {
			t.Errorf("a copy with the mark %s is served", other)
		}
		n.cached(one)
	}
}

// A node that raises the rank of a record gives it with that rank, whether it has
// heard the feed since or not.
func TestRankRaisedHere(t *testing.T) {
	raised := one
	for _, rank := range []store.Rank{150, store.RankKeyed} {
		_, n := startCached(t)
		n.set(func(l *line) { l.deaf = errAway })
		raised.Rank = rank
		put(t, n, raised, store.AlreadyCached)
		n.want(raised)
	}
}

// Puts that change nothing leave the copy.
func TestPutsThatLeaveTheCopy(t *testing.T) {
	_, n := startCached(t)
	better, lower := storetest.Torrent(storetest.Hybrid, 1, 5000, 1), one
	better.Rank, lower.Rank = store.RankKeyed, store.RankFetched
	for item, want := range map[*store.Item]store.Outcome{
		&one: store.AlreadyCached, &lower: store.AlreadyCached, &better: store.Outranked,
	} {
		put(t, n, *item, want)
		if held := n.CacheStats(t.Context()).Torrents; held != 1 {
			t.Errorf("after a put with outcome %d: %d copies", want, held)
		}
	}
	n.cached(one)
}

// A load that began before the rank was raised makes no copy.
func TestRankRaisedDuringALoad(t *testing.T) {
	remote := newRemote()
	put(t, remote, one, store.Created)
	n := start(t, remote)
	eventually(t, "the feed is not heard", func() bool { return n.feed.known.Load() })
	n.set(func(l *line) { l.deaf = errAway })
	entered, leave := make(chan bool), make(chan bool)
	n.set(func(l *line) { l.entered, l.leave = entered, leave })
	got := make(chan error, 1)
	go func() { got <- n.get() }()
	<-entered
	raised := one
	raised.Rank = store.RankKeyed
	put(t, n, raised, store.AlreadyCached)
	n.set(func(l *line) { l.entered = nil })
	close(leave)
	must(t, <-got)
	n.fills.running.Wait()
	if s := n.CacheStats(t.Context()); s.Torrents != 0 {
		t.Errorf("%d copies", s.Torrents)
	}
	n.want(raised)
}
