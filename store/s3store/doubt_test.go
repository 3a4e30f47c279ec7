package s3store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// loseAnswer makes the next write of key arrive without an answer, and the read-backs
// of all its tries fail. After those the key can be read.
func loseAnswer(way *interceptor, key string) {
	lost, reads := false, 0
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		switch {
		case !strings.HasSuffix(req.URL.Path, key):
		case req.Method == http.MethodPut && !lost:
			lost = true
			if resp, err := next.RoundTrip(req); err == nil {
				resp.Body.Close()
			}
			return nil, errNetwork
		case req.Method == http.MethodGet && lost && reads < bucket.MaxTries*bucket.MaxTries:
			reads++
			return nil, errNetwork
		}
		return next.RoundTrip(req)
	}
	way.hook.Store(&hook)
}

// await returns when the feed has a change of kind.
func await(t *testing.T, s *Store, kind store.ChangeKind) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, grown := s.feed.has(object.WriteID{})
		for _, c := range changesOf(t, s) {
			if c.Kind == kind {
				return
			}
		}
		select {
		case <-grown:
		case <-ctx.Done():
			t.Fatalf("the feed never got a change of kind %d", kind)
		}
	}
}

// TestDoneWithoutAnswer makes changes whose answers are lost: the caller is told that nobody knows
// whether they were done, and the node finds out later and puts them into the feed, once.
func TestDoneWithoutAnswer(t *testing.T) {
	s, way := openThrough(t, newEngine(t).options("doubt/", fixedTime))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	for _, step := range []struct {
		kind store.ChangeKind
		do   func() error
		want store.Stats
	}{
		{store.ChangeAdded, func() error { return s.Put(t.Context(), []store.Item{item})[0].Err }, store.Stats{Torrents: 1, Bytes: int64(len(item.Torrent))}},
		{store.ChangeRemoved, func() error { return storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{}) }, store.Stats{Removed: 1}},
		{store.ChangeRestored, func() error { return storetest.Restore(t.Context(), s, item.IDs.V1) }, store.Stats{Torrents: 1, Bytes: int64(len(item.Torrent))}},
	} {
		loseAnswer(way, objectKey(item.IDs.V1))
		if err := step.do(); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("change of kind %d = %v, want ErrUnavailable", step.kind, err)
		}
		await(t, s, step.kind)
		if stats, err := s.Stats(t.Context()); err != nil || stats != step.want {
			t.Errorf("after the change of kind %d: %+v, %v; want %+v", step.kind, stats, err, step.want)
		}
	}
	if got := changesOf(t, s); len(got) != 3 {
		t.Errorf("the feed is %v, want each change once", got)
	}
}

// TestOvertakenWithoutAnswer has another node overwrite a change that was made without
// an answer, before it can be read back. The change may not take effect a second time.
func TestOvertakenWithoutAnswer(t *testing.T) {
	e := newEngine(t)
	s, way := openThrough(t, e.options("overtaken/", fixedTime))
	other := open(t, e.options("overtaken/", fixedTime))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	put := func(s *Store) error { return s.Put(t.Context(), []store.Item{item})[0].Err }
	remove := func(s *Store) error { return storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{}) }
	restore := func(s *Store) error { return storetest.Restore(t.Context(), s, item.IDs.V1) }
	for i, step := range []struct {
		lost, then func(*Store) error
		want       error // of Get, afterwards
	}{
		{put, remove, store.ErrRemoved}, {restore, remove, store.ErrRemoved}, {restore, nil, nil}, {remove, restore, nil},
	} {
		if step.then == nil {
			if err := step.lost(s); err != nil {
				t.Fatal(err)
			}
			continue
		}
		overtake(t, way, objectKey(item.IDs.V1), func() error { return step.then(other) })
		if err := step.lost(s); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("step %d: %v, want ErrUnavailable", i, err)
		}
		if _, err := other.Get(t.Context(), item.IDs.V1, nil); !errors.Is(err, step.want) {
			t.Errorf("after step %d Get says %v, want %v", i, err, step.want)
		}
	}
}

// TestRepeatedWrites sends every write twice and passes on the second answer, as a proxy may that
// has several ways to the engine: the second write is refused because of the first.
func TestRepeatedWrites(t *testing.T) {
	s, way := openThrough(t, newEngine(t).options("repeated/", fixedTime))
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Method != http.MethodPut {
			return next.RoundTrip(req)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		send := func() (*http.Response, error) {
			again := req.Clone(req.Context())
			again.Body = io.NopCloser(bytes.NewReader(body))
			return next.RoundTrip(again)
		}
		if resp, err := send(); err == nil {
			resp.Body.Close()
		}
		return send()
	}
	way.hook.Store(&hook)
	first, second := storetest.Torrent(storetest.Hybrid, 1, 500, 0), storetest.Torrent(storetest.Hybrid, 1, 500, 1)
	second.Rank, second.Replaces = store.RankKeyed, store.VersionOf(first.Torrent)
	mustPut(t, s, first, store.Created)
	mustPut(t, s, second, store.Replaced)
	for range 2 {
		if r := s.Remove(t.Context(), []infohash.ID{first.IDs.V2}, store.Removal{})[0]; r.Err != nil || !r.Held {
			t.Errorf("Remove = %+v", r)
		}
		if r := s.Restore(t.Context(), []infohash.ID{first.IDs.V1})[0]; r.Err != nil || !r.Held {
			t.Errorf("Restore = %+v", r)
		}
	}
	if got := len(changesOf(t, s)); got != 6 {
		t.Errorf("the feed has %d changes, want 6", got)
	}
}

// overtake makes the next write of key arrive without an answer, and then runs change.
func overtake(t *testing.T, way *interceptor, key string, change func() error) {
	t.Helper()
	var once sync.Once
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		lost := false
		if req.Method == http.MethodPut && strings.HasSuffix(req.URL.Path, key) {
			once.Do(func() { lost = true })
		}
		resp, err := next.RoundTrip(req)
		if lost && err == nil {
			resp.Body.Close()
			if err = change(); err != nil {
				t.Error(err)
			}
			return nil, errNetwork
		}
		return resp, err
	}
	way.hook.Store(&hook)
}

// TestDoubtsAreBounded fills the room for changes in doubt.
func TestDoubtsAreBounded(t *testing.T) {
	var a doubts
	put, removal := doubt{entry: object.Entry{Change: store.Change{Kind: store.ChangeAdded}}}, doubt{entry: object.Entry{Change: store.Change{Kind: store.ChangeRemoved}}}
	for range maxDoubts {
		a.add(put)
	}
	if !a.add(removal) {
		t.Error("no room for a removal after many uploads")
	}
	for range maxDoubts {
		a.add(removal)
	}
	if got := len(a.take()); got != maxDoubts {
		t.Errorf("%d in doubt, want at most %d", got, maxDoubts)
	}
}

// TestFeedThatCannotBeWritten refuses writes below feed/ alone: the store says so,
// takes no more changes than there is room for, and recovers.
func TestFeedThatCannotBeWritten(t *testing.T) {
	s, way := openThrough(t, newEngine(t).options("nofeed/", fixedTime))
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/feed/") {
			return xmlAnswer(req, http.StatusForbidden, "AccessDenied"), nil
		}
		return next.RoundTrip(req)
	}
	way.hook.Store(&hook)
	var last *notice
	for i := range uint64(2*object.MaxBatch + maxWaiting) { // a batch is under way, and may take along another
		last = s.announcer.add(object.Entry{Change: store.Change{Kind: store.ChangeAdded, IDs: storetest.Torrent(storetest.V1, i%9, 300, 0).IDs}}, object.Totals{}, func() {})
	}
	item := storetest.Torrent(storetest.V1, 10, 300, 0)
	if err := s.Put(t.Context(), []store.Item{item})[0].Err; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Put = %v, want ErrUnavailable", err)
	}
	if err := storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Remove = %v, want ErrUnavailable", err)
	}
	if _, err := s.Get(t.Context(), item.IDs.V1, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what was refused is there: %v", err)
	}
	awaitHealth(t, s, false)
	way.hook.Store(nil)
	awaitHealth(t, s, true)
	if err := last.wait(t.Context()); err != nil {
		t.Error(err)
	}
	mustPut(t, s, item, store.Created)
}

// awaitHealth returns when the store says that it takes uploads, or that it does not.
func awaitHealth(t *testing.T, s *Store, well bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for (s.Err() == nil) != well {
		if !wait.For(ctx, 10*time.Millisecond) {
			t.Fatalf("Err() is %v", s.Err())
		}
	}
}
