package s3store

import (
	"bytes"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// lookTwice looks for unannounced changes as a node does, at two times.
func lookTwice(t *testing.T, s *Store, l unannounced, apart time.Duration) {
	t.Helper()
	for _, at := range []time.Time{fixedTime(), fixedTime().Add(apart)} {
		if err := l.look(t.Context(), s, at); err != nil {
			t.Fatal(err)
		}
	}
}

// notes returns the keys of changes under way.
func notes(t *testing.T, s *Store) []string {
	t.Helper()
	keys, err := s.bucket.List(t.Context(), "change/", 10)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestDeathAfterTheTombstone leaves removals and restorations as a node does that
// dies between object and feed. Another puts them there, once, with all ids.
func TestDeathAfterTheTombstone(t *testing.T) {
	e := newEngine(t)
	dead, other := open(t, e.options("tomb/", fixedTime)), open(t, e.options("tomb/", fixedTime))
	item := storetest.Torrent(storetest.Hybrid, 1, 500, 0)
	mustPut(t, other, item, store.Created)
	seen, want := unannounced{}, 1
	for _, step := range []struct {
		kind store.ChangeKind
		plan planner
	}{
		{store.ChangeRemoved, dead.removing(item.IDs.V2, store.Removal{Erase: true, Time: fixedTime()})},
		{store.ChangeRestored, restoring(item.IDs.V1)},
	} {
		leaveBehind(t, dead, step.plan)
		if err := seen.look(t.Context(), other, fixedTime()); err != nil {
			t.Fatal(err)
		}
		if got := changesOf(t, other); len(got) != want {
			t.Fatalf("seen once: the feed is %v, want %d changes: it may be under way", got, want)
		}
		want++
		for range 2 {
			lookTwice(t, other, seen, unannouncedPause)
			got := changesOf(t, other)
			if last := got[len(got)-1]; len(got) != want || last.Kind != step.kind || last.IDs != item.IDs {
				t.Fatalf("the feed is %v, want %d changes, the last of kind %d for all ids", got, want, step.kind)
			}
		}
		if left := notes(t, other); len(left) != 0 || len(seen) != 0 {
			t.Errorf("left: %v, %v", left, seen)
		}
	}
}

// leaveBehind changes a torrent as a node does that dies between object and feed.
func leaveBehind(t *testing.T, dead *Store, plan planner) {
	t.Helper()
	w := dead.sessions.begin()
	if _, _, err := dead.makeChange(t.Context(), w, plan); err != nil {
		t.Fatal(err)
	}
	w.abandon()
}

// TestDeathIsToldAtTheNextStart leaves removals and a restoration behind: the node that
// starts next has them in its feed, before anybody asks.
func TestDeathIsToldAtTheNextStart(t *testing.T) {
	e := newEngine(t)
	dead := open(t, e.options("start/", fixedTime))
	var want []store.Change
	for i := range uint64(3) {
		item := storetest.Torrent(storetest.Hybrid, i, 500, 0)
		mustPut(t, dead, item, store.Created)
		kind := store.ChangeRemoved
		if i == 0 {
			if err := storetest.Remove(t.Context(), dead, item.IDs.V1, store.Removal{}); err != nil {
				t.Fatal(err)
			}
			kind = store.ChangeRestored
			leaveBehind(t, dead, restoring(item.IDs.V2))
		} else {
			leaveBehind(t, dead, dead.removing(item.IDs.V2, store.Removal{Erase: true, Time: fixedTime()}))
		}
		want = append(want, store.Change{Kind: kind, IDs: item.IDs, Time: fixedTime().UTC()})
	}
	before := len(changesOf(t, dead))
	for range 2 { // once, however many start
		fresh := open(t, e.options("start/", fixedTime))
		got := changesOf(t, fresh)[before:]
		for _, c := range want {
			if len(got) != len(want) || !slices.Contains(got, c) {
				t.Fatalf("the feed goes on with %v, want %v", got, want)
			}
		}
		if left := notes(t, fresh); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// TestStartWithoutALook refuses to list unannounced changes: the node starts all the
// same, and tells it when it can.
func TestStartWithoutALook(t *testing.T) {
	e := newEngine(t)
	dead := open(t, e.options("nolook/", fixedTime))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	mustPut(t, dead, item, store.Created)
	leaveBehind(t, dead, dead.removing(item.IDs.V1, store.Removal{}))
	way := &interceptor{next: http.DefaultTransport}
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodGet && req.URL.Query().Has("list-type") {
			return xmlAnswer(req, http.StatusServiceUnavailable, "SlowDown"), nil
		}
		return next.RoundTrip(req)
	}
	way.hook.Store(&hook)
	var said bytes.Buffer
	o := e.options("nolook/", fixedTime)
	o.Transport, o.Logger = way, slog.New(slog.NewTextHandler(&said, nil))
	fresh := open(t, o)
	if !strings.Contains(said.String(), "not in the feed yet") {
		t.Errorf("the log says %q, want that not all is told", said.String())
	}
	way.hook.Store(nil)
	lookTwice(t, fresh, unannounced{}, unannouncedPause)
	if got := changesOf(t, fresh); len(got) != 2 || got[1].Kind != store.ChangeRemoved {
		t.Errorf("the feed is %v, want the removal", got)
	}
}

// TestStartWithAFeedThatTakesNothing leaves a removal behind where nothing can be put
// into the feed: the node starts, and tells it as soon as the feed takes it.
func TestStartWithAFeedThatTakesNothing(t *testing.T) {
	e := newEngine(t)
	dead := open(t, e.options("notaken/", fixedTime))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	mustPut(t, dead, item, store.Created)
	leaveBehind(t, dead, dead.removing(item.IDs.V1, store.Removal{}))
	way := &interceptor{next: http.DefaultTransport}
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/feed/") {
			return xmlAnswer(req, http.StatusForbidden, "AccessDenied"), nil
		}
		return next.RoundTrip(req)
	}
	way.hook.Store(&hook)
	o := e.options("notaken/", fixedTime)
	o.Transport = way
	fresh := open(t, o)
	way.hook.Store(nil)
	await(t, fresh, store.ChangeRemoved)
}

// TestChangeThatWasNeverDone notes a removal that nobody makes: the note leaves, but
// not as long as the write may still arrive.
func TestChangeThatWasNeverDone(t *testing.T) {
	s := open(t, newEngine(t).options("never/", fixedTime))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	mustPut(t, s, item, store.Created)
	w := s.sessions.begin()
	if err := s.noteChange(t.Context(), w, item.IDs.V1); err != nil {
		t.Fatal(err)
	}
	w.settle()
	seen := unannounced{}
	lookTwice(t, s, seen, doubtTime)
	if left := notes(t, s); len(left) != 1 {
		t.Errorf("%d notes after %s, want that it waits", len(left), doubtTime)
	}
	if err := seen.look(t.Context(), s, fixedTime().Add(doubtTime+time.Second)); err != nil {
		t.Fatal(err)
	}
	if left, got := notes(t, s), changesOf(t, s); len(left) != 0 || len(got) != 1 {
		t.Errorf("left %v, the feed is %v; want no note, and the upload alone", left, got)
	}
}

// TestNotesOfChangesLeave removes and restores, one of them in vain: when the node
// is closed no note is left.
func TestNotesOfChangesLeave(t *testing.T) {
	e := newEngine(t)
	s, other := open(t, e.options("notes/", fixedTime)), open(t, e.options("notes/", fixedTime))
	item := storetest.Torrent(storetest.Hybrid, 1, 500, 0)
	mustPut(t, s, item, store.Created)
	for range 3 {
		if err := storetest.Remove(t.Context(), s, item.IDs.V2, store.Removal{}); err != nil {
			t.Fatal(err)
		}
		if err := storetest.Restore(t.Context(), s, item.IDs.V1); err != nil {
			t.Fatal(err)
		}
		if storetest.Restore(t.Context(), s, item.IDs.V1) == nil {
			t.Fatal("restored twice")
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := notes(t, other); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestRemovalFromAFullBucket removes where nothing new has room: an overwritten object takes none.
func TestRemovalFromAFullBucket(t *testing.T) {
	s, way := openThrough(t, newEngine(t).options("full/", fixedTime))
	item := storetest.Torrent(storetest.V1, 1, 500, 0)
	mustPut(t, s, item, store.Created)
	hook := func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/change/") {
			return xmlAnswer(req, http.StatusForbidden, "QuotaExceeded"), nil
		}
		return next.RoundTrip(req)
	}
	way.hook.Store(&hook)
	if err := storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{Erase: true}); err != nil {
		t.Fatal(err)
	}
	if got := changesOf(t, s); len(got) != 2 {
		t.Errorf("the feed is %v", got)
	}
}
