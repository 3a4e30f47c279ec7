package s3store

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestFeedUnderFaults has three nodes write at the same time while a part of the requests fails,
// and one of them is cut off for good in the middle, as a node is that dies. A reader of the feed
// up to its end then has every acknowledged put, in the same order as all others.
func TestFeedUnderFaults(t *testing.T) {
	const writers, each, percent = 4, 15, 15
	e := newEngine(t)
	faults := newFaults(t)
	dying := &interceptor{next: faults}
	var nodes []*Store
	for i := range 3 {
		o := e.options("faulty/", fixedTime)
		o.Transport = faults
		if i == 0 {
			o.Transport = dying
		}
		nodes = append(nodes, open(t, o))
	}
	faults.set(percent)
	var acked [3 * writers][]infohash.Set
	var done atomic.Int64 // at the node that dies
	alive, die := context.WithCancel(t.Context())
	defer die()
	t.Cleanup(func() { dying.hook.Store(nil) }) // so that the requests it had begun end
	var group sync.WaitGroup
	for w := range acked {
		ctx := t.Context()
		if w%3 == 0 {
			ctx = alive
		}
		group.Go(func() {
			for n := range each {
				item := storetest.Torrent(storetest.Shape(n%3), uint64(w<<20|n), 300, 0)
				r := nodes[w%3].Put(ctx, []store.Item{item})[0]
				switch {
				case r.Err == nil:
					acked[w] = append(acked[w], item.IDs)
				case ctx.Err() == nil && !errors.Is(r.Err, store.ErrUnavailable):
					t.Errorf("Put = %+v", r)
				}
				if w%3 == 0 && done.Add(1) == writers*each/2 {
					dead := func(http.RoundTripper, *http.Request) (*http.Response, error) { return nil, errNetwork }
					dying.hook.Store(&dead)
					die()
				}
			}
		})
	}
	group.Wait()
	faults.set(0)
	all := slices.Concat(acked[:]...)
	if len(all) == 0 || len(all) == 3*writers*each {
		t.Errorf("%d of %d puts acknowledged: the test is of no use", len(all), 3*writers*each)
	}
	checkFeeds(t, append(nodes[1:], open(t, e.options("faulty/", fixedTime))), all)
}

// checkFeeds fails unless the feed of each node, read up to its end, has every
// acknowledged put, and is the same.
func checkFeeds(t *testing.T, nodes []*Store, acked []infohash.Set) {
	t.Helper()
	end, err := nodes[0].End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var first []store.Change
	for i, s := range nodes {
		if _, err := s.End(t.Context()); err != nil { // reads it to its end
			t.Fatal(err)
		}
		feed := upTo(t, s, end)
		if i == 0 {
			first = feed
		}
		if !slices.Equal(feed, first) {
			t.Errorf("the feed of node %d is another than that of the first", i)
		}
		for _, ids := range acked {
			if !slices.ContainsFunc(feed, func(c store.Change) bool { return c.IDs == ids }) {
				t.Errorf("node %d: the feed lacks %v, which was acknowledged", i, ids)
			}
		}
	}
}

// upTo returns the changes before end.
func upTo(t *testing.T, s *Store, end store.Cursor) (all []store.Change) {
	t.Helper()
	for at := (store.Cursor{}); at.Sequence < end.Sequence; {
		changes, next, err := s.Changes(t.Context(), at, 7)
		if err != nil || len(changes) == 0 {
			t.Fatalf("the feed ends at %v, before %v: %v", at, end, err)
		}
		all, at = append(all, changes...), next
	}
	return all
}
