package s3store

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// changesOf returns all changes that a node knows of, read some at a time.
func changesOf(t *testing.T, s *Store) []store.Change {
	t.Helper()
	var all []store.Change
	var cursor store.Cursor
	for {
		changes, next, err := s.Changes(t.Context(), cursor, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) == 0 {
			return all
		}
		all, cursor = append(all, changes...), next
	}
}

// TestOneFeed has three nodes write at the same time: all see the same order,
// each change once, and the counts are right.
func TestOneFeed(t *testing.T) {
	e := newEngine(t)
	var nodes []*Store
	for range 3 {
		nodes = append(nodes, open(t, e.options("one/", fixedTime)))
	}
	const each = 40
	var group sync.WaitGroup
	for n, s := range nodes {
		for i := range each {
			group.Go(func() { mustPut(t, s, storetest.Torrent(storetest.V1, uint64(n*each+i), 300, 0), store.Created) })
		}
	}
	group.Wait()
	var want []store.Change
	for i, s := range append(nodes, open(t, e.options("one/", fixedTime))) {
		end, err := s.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := changesOf(t, s)
		if want == nil {
			want = got
		}
		seen := map[store.Change]bool{}
		for _, c := range got {
			seen[c] = true
		}
		if len(got) != 3*each || len(seen) != 3*each || !slices.Equal(got, want) {
			t.Errorf("node %d sees %d changes, %d of them different, want the same %d as node 0", i, len(got), len(seen), 3*each)
		}
		if more, _, err := s.Changes(t.Context(), end, 10); len(more) != 0 || err != nil {
			t.Errorf("after the end: %v, %v", more, err)
		}
		if stats, err := s.Stats(t.Context()); err != nil || stats.Torrents != 3*each {
			t.Errorf("node %d counts %+v, %v", i, stats, err)
		}
	}
}

// TestDeathBeforeTheFeed leaves a torrent as a node does that dies between object and
// feed. Nobody was told that it is stored. A client that uploads it again is told, and
// then the feed has it. A third upload does not announce it once more.
func TestDeathBeforeTheFeed(t *testing.T) {
	e := newEngine(t)
	dead := open(t, e.options("dead/", fixedTime))
	item := storetest.Torrent(storetest.Hybrid, 1, 500, 0)
	w := dead.sessions.begin()
	if _, err := dead.store(t.Context(), dead.newUpload(item, w.id)); err != nil {
		t.Fatal(err)
	}
	w.abandon()
	other := open(t, e.options("dead/", fixedTime))
	for range 2 {
		mustPut(t, other, item, store.AlreadyCached)
		want := []store.Change{
			{Kind: store.ChangeAdded, IDs: item.IDs, Time: fixedTime().UTC()},
			{Kind: store.ChangeReplaced, IDs: item.IDs, Time: fixedTime().UTC()}, // it might have been
		}
		if got := changesOf(t, other); !slices.Equal(got, want) {
			t.Errorf("the feed is %v, want %v", got, want)
		}
	}
}

// TestFeedThatBreaksOff reads a feed of which a part cannot be read: the changes before it are
// given, so that a reader with little time for each call comes to the end as well.
func TestFeedThatBreaksOff(t *testing.T) {
	e := newEngine(t)
	writer := open(t, e.options("part/", fixedTime))
	const batches = 40
	for i := range uint64(batches) {
		mustPut(t, writer, storetest.Torrent(storetest.V1, i, 300, 0), store.Created)
	}
	s, way := openThrough(t, e.options("part/", fixedTime))
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, feedKey(25)) {
			return nil, errNetwork
		}
		return next.RoundTrip(req)
	}
	way.hook.Store(&hook)
	before, at, err := s.Changes(t.Context(), store.Cursor{}, 1000)
	if len(before) != 24 || err != nil {
		t.Fatalf("%d changes before what cannot be read, %v; want 24", len(before), err)
	}
	if more, next, err := s.Changes(t.Context(), at, 1000); len(more) != 0 || next != at || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("there: %d changes, %v; want that it cannot be read", len(more), err)
	}
	way.hook.Store(nil)
	if after, _, err := s.Changes(t.Context(), at, 1000); !slices.Equal(append(before, after...), changesOf(t, writer)) || err != nil {
		t.Errorf("%d changes after that, %v", len(after), err)
	}
}

// TestUnfinishedUpload leaves the pointers of an upload without its torrent.
func TestUnfinishedUpload(t *testing.T) {
	e := newEngine(t)
	item := storetest.Torrent(storetest.Hybrid, 1, 500, 0)
	unfinished := func(t *testing.T) *Store {
		s := open(t, e.options(fmt.Sprintf("unfinished/%d/", prefixes.Add(1)), fixedTime))
		u := s.newUpload(item, object.WriteID{})
		for _, id := range item.IDs.All()[1:] {
			if err := s.bucket.Write(t.Context(), objectKey(id), aliasOf(u.head, object.WriteID{}), ""); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("Get by a pointer to nothing = %v", err)
			}
		}
		return s
	}
	t.Run("the next upload repairs it", func(t *testing.T) {
		s := unfinished(t)
		mustPut(t, s, item, store.Created)
		for _, id := range item.IDs.All() {
			if _, err := s.Get(t.Context(), id, nil); err != nil {
				t.Errorf("Get(%v) = %v", id, err)
			}
		}
	})
	t.Run("a removal stops it", func(t *testing.T) {
		s := unfinished(t)
		if err := storetest.Remove(t.Context(), s, item.IDs.V2, store.Removal{}); err != nil {
			t.Fatal(err)
		}
		// The upload under way would do this next:
		if err := s.bucket.Write(t.Context(), objectKey(item.IDs.V1), s.newUpload(item, object.WriteID{}).body, ""); !errors.Is(err, bucket.ErrLost) {
			t.Errorf("the commit of the upload = %v, want that it is too late", err)
		}
		if r := s.Put(t.Context(), []store.Item{item})[0]; !errors.Is(r.Err, store.ErrRemoved) {
			t.Errorf("Put = %+v, want ErrRemoved", r)
		}
	})
}

// TestDamagedHeader damages the header that says of which torrent an object is.
func TestDamagedHeader(t *testing.T) {
	e := newEngine(t)
	item := storetest.Torrent(storetest.Hybrid, 1, 500, 0)
	for i, id := range item.IDs.All() {
		s := open(t, e.options(fmt.Sprintf("header/%d/", i), fixedTime))
		mustPut(t, s, item, store.Created)
		for _, change := range []func([]byte) []byte{
			func(b []byte) []byte { b[40] ^= 1; return b },
			func([]byte) []byte { return nil },
		} {
			overwriteRaw(t, s, objectKey(id), change)
			if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("Get(%v) = %v, want ErrDamaged", id, err)
			}
			if has, err := s.Has(t.Context(), item.IDs.All()[i:i+1]); err != nil || has[0].Found() {
				t.Errorf("Has = %v, %v, want false", has, err)
			}
			r := s.Put(t.Context(), []store.Item{item})[0]
			if r.Err != nil {
				t.Fatalf("Put = %v", r.Err)
			}
			if got, err := s.Get(t.Context(), id, nil); err != nil || got.IDs != item.IDs {
				t.Errorf("Get after the upload = %v", err)
			}
		}
	}
}

// TestLostPointer deletes a pointer behind the store's back.
func TestLostPointer(t *testing.T) {
	s := open(t, newEngine(t).options("lost/", fixedTime))
	item := storetest.Torrent(storetest.Hybrid, 1, 500, 0)
	mustPut(t, s, item, store.Created)
	if err := s.bucket.Remove(t.Context(), objectKey(item.IDs.V2)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), item.IDs.V2, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get without the pointer = %v", err)
	}
	mustPut(t, s, item, store.AlreadyCached)
	if _, err := s.Get(t.Context(), item.IDs.V2, nil); err != nil {
		t.Errorf("Get after the next upload = %v", err)
	}
}

// TestPurge takes the bytes of removed torrents away when it is time, and not of
// those that were restored.
func TestPurge(t *testing.T) {
	e := newEngine(t)
	now := fixedTime()
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	s := open(t, e.options("purge/", clock))
	gone, back := storetest.Torrent(storetest.V1, 1, 500, 0), storetest.Torrent(storetest.V1, 2, 500, 0)
	for _, item := range []store.Item{gone, back} {
		mustPut(t, s, item, store.Created)
		if err := storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{Reason: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := storetest.Restore(t.Context(), s, back.IDs.V1); err != nil {
		t.Fatal(err)
	}
	sizes := func() (gone1, back1 int) {
		a, _ := raw(t, s, objectKey(gone.IDs.V1))
		b, _ := raw(t, s, objectKey(back.IDs.V1))
		return len(a), len(b)
	}
	before, backBefore := sizes()
	for _, step := range []struct {
		wait   time.Duration
		erased bool
	}{{PurgeAfter - time.Minute, false}, {2 * time.Minute, true}} {
		mu.Lock()
		now = now.Add(step.wait)
		mu.Unlock()
		if err := s.purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after, backAfter := sizes(); backAfter != backBefore || (after < before-400) != step.erased {
			t.Errorf("after %v: %d bytes of %d, restored %d of %d", step.wait, after, before, backAfter, backBefore)
		}
	}
	var removed *store.RemovedError
	if _, err := s.Get(t.Context(), gone.IDs.V1, nil); !errors.As(err, &removed) || removed.Removal.Reason != "test" {
		t.Errorf("Get of what was purged = %#v, want the removal", err)
	}
	if keys, err := s.bucket.List(t.Context(), "purge/", 10); err != nil || len(keys) != 0 {
		t.Errorf("left: %v, %v", keys, err)
	}
}

// TestPurgeOfTheLatestRemoval removes a torrent, restores it and removes it again: the
// purge that the first removal scheduled leaves the bytes to the second.
func TestPurgeOfTheLatestRemoval(t *testing.T) {
	e := newEngine(t)
	var hours atomic.Int64
	s := open(t, e.options("purge2/", func() time.Time { return fixedTime().Add(time.Duration(hours.Load()) * time.Hour) }))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	mustPut(t, s, item, store.Created)
	purgeAt := func(at int64) {
		t.Helper()
		hours.Store(at)
		if err := s.purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []int64{0, 11} {
		hours.Store(at)
		if err := storetest.Restore(t.Context(), s, item.IDs.V1); (err == nil) != (at > 0) {
			t.Fatal(err)
		}
		if err := storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{}); err != nil {
			t.Fatal(err)
		}
	}
	purgeAt(13)
	if err := storetest.Restore(t.Context(), s, item.IDs.V1); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, item, store.AlreadyCached) // with its bytes
	if err := storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{}); err != nil {
		t.Fatal(err)
	}
	purgeAt(26)
	if body, _ := raw(t, s, objectKey(item.IDs.V1)); len(body) >= 500 {
		t.Errorf("%d bytes are left when all is due", len(body))
	}
}
