package tiered

import (
	"errors"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// A remote that is out of reach a moment after Open is too late: the copies from before are
// given already.
func TestCopiesAreThereWhenItIsOpen(t *testing.T) {
	_, n := startCached(t)
	n = n.reopen()
	n.set(func(l *line) { l.cut = errAway })
	if n.want(one) {
		t.Error("the remote was asked")
	}
}

// While the feed is not heard but the store answers, its word counts.
func TestDeafNodeAsks(t *testing.T) {
	remote, n := startCached(t)
	n.set(func(l *line) { l.deaf = errAway })
	must(t, storetest.Remove(t.Context(), remote, one.IDs.V1, store.Removal{}))
	eventually(t, "the removal is never in force", func() bool { return errors.Is(n.get(), store.ErrRemoved) })
	if _, _, err := n.Changes(t.Context(), store.Cursor{}, 10); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Changes = %v, want ErrUnavailable", err)
	}
	n.set(func(l *line) { l.deaf = nil })
	must(t, storetest.Restore(t.Context(), remote, one.IDs.V1))
	n.cached(one)
}

// Cached reads go on while the store cannot be reached, but not for ever.
func TestOutage(t *testing.T) {
	_, n := startCached(t)
	n.set(func(l *line) { l.cut = errAway })
	eventually(t, "nothing is served from a copy", func() bool {
		got, err := n.Store.Get(t.Context(), one.IDs.V1, nil)
		must(t, err)
		return got.Stale
	})
	asked := n.count()
	for range 100 {
		n.want(one)
	}
	if n.count() > asked+20 {
		t.Errorf("the store was asked %d times for 100 reads", n.count()-asked)
	}
	n.wantErr(storetest.Torrent(storetest.V1, 9, 100, 0).IDs.V1, store.ErrUnavailable)
	if r := n.Store.Put(t.Context(), []store.Item{one})[0]; !errors.Is(r.Err, store.ErrUnavailable) {
		t.Errorf("Put = %v", r)
	}
	n.set(func(l *line) { l.cut = nil })
	eventually(t, "it does not recover", func() bool {
		got, err := n.Store.Get(t.Context(), one.IDs.V1, nil)
		return err == nil && !got.Stale
	})
	n.cached(one)
}

func TestOutageThatLasts(t *testing.T) {
	for _, most := range []time.Duration{0, 3 * time.Second} {
		_, n := startCached(t, func(o *Options) { o.MaxStale = most })
		n.set(func(l *line) { l.cut = errAway })
		eventually(t, "copies are served for ever", func() bool { return errors.Is(n.get(), store.ErrUnavailable) })
		if age := n.feed.age(); age < most {
			t.Errorf("given up after %s", age)
		}
	}
}

// A store that answers nothing holds up one read a second, and none for long.
func TestStoreThatHangs(t *testing.T) {
	_, n := startCached(t)
	n.set(func(l *line) { l.deaf = errAway; l.entered, l.leave = make(chan bool, 1000), make(chan bool) })
	hung := n.line.leave
	defer close(hung)
	eventually(t, "nothing is served from a copy", func() bool { return n.feed.age() > Fresh })
	got, err := n.Store.Get(t.Context(), one.IDs.V1, nil)
	must(t, err)
	if !got.Stale {
		t.Error("not from a copy")
	}
}
