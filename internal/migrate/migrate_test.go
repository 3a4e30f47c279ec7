package migrate_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

func TestBothWays(t *testing.T) {
	for name, stores := range map[string][2]func(*testing.T) store.Store{
		"out of a folder": {openDisk, func(*testing.T) store.Store { return memstore.New() }},
		"into a folder":   {func(*testing.T) store.Store { return memstore.New() }, openDisk},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := stores[0](t), stores[1](t)
			ids := fill(t, from)
			var counts migrate.Counts
			must(t, migrate.Run(t.Context(), options(t, from, to), &counts))
			equal(t, from, to, ids)
			before := counts.Torrents.Load()
			if before == 0 || counts.Removals.Load() == 0 || counts.Bytes.Load() == 0 || counts.Changes.Load() == 0 {
				t.Errorf("nothing is counted: %d", before)
			}
			must(t, migrate.Run(t.Context(), options(t, from, to), &counts)) // from the beginning
			equal(t, from, to, ids)
			if counts.Torrents.Load() != before {
				t.Error("what was there already was stored again")
			}
		})
	}
}

// A destination that has something else under the ids is made equal.
func TestOntoSomethingElse(t *testing.T) {
	from, to := memstore.New(), openDisk(t)
	ids := fill(t, from)
	for n := range 60 {
		if n%10 == 9 && n%3 == 2 {
			continue // removed by one id of two: there the removal would be of both
		}
		put(t, to, item(t, n, 2))
		if n%4 == 0 {
			must(t, storetest.Remove(t.Context(), to, item(t, n, 0).IDs.Primary(), store.Removal{Reason: "another"}))
		}
	}
	var counts migrate.Counts
	must(t, migrate.Run(t.Context(), options(t, from, to), &counts))
	equalBut(t, from, to, ids, func(a, b store.Rank) bool { return a <= b })
}

// Stopped again and again, and while the source changes, it ends with the same.
func TestStoppedAndGoneOn(t *testing.T) {
	from, to := openDisk(t), memstore.New()
	ids := fill(t, from)
	name := filepath.Join(t.TempDir(), "state")
	changing, done := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	writers.Go(func() {
		for n := 60; n < 400; n++ {
			put(t, from, item(t, n, n%2))
			if n%7 == 0 {
				must(t, storetest.Remove(t.Context(), from, item(t, n-20, 0).IDs.Primary(), store.Removal{Reason: "later", Time: time.Unix(1e9, 0)}))
			}
			if n%14 == 0 {
				must(t, storetest.Restore(t.Context(), from, item(t, n-20, 0).IDs.Primary()))
			}
		}
		done()
	})
	for n := 60; n < 400; n++ {
		ids = append(ids, item(t, n, 0).IDs.All()...)
	}
	for stops := 0; ; stops++ {
		state, err := migrate.ReadState(name, "memory")
		if err != nil {
			t.Fatal(err)
		}
		last := changing.Err() != nil
		ctx, stop := context.WithCancel(t.Context())
		o := options(t, &stopping{Store: from, after: 5 + stops%40, stop: stop}, to)
		if last {
			o.From = from
		}
		o.After = state.Cursor
		var counts migrate.Counts
		o.Save = func(c store.Cursor) error {
			return migrate.State{To: "memory", Cursor: c, Changes: state.Changes + counts.Changes.Load()}.Write(name)
		}
		err = migrate.Run(ctx, o, &counts)
		stop()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if last {
			break
		}
	}
	writers.Wait()
	equal(t, from, to, ids)
	all, _, err := from.Changes(t.Context(), store.Cursor{}, 1_000_000)
	if state, stateErr := migrate.ReadState(name, "memory"); err != nil || stateErr != nil || state.Changes != int64(len(all)) {
		t.Errorf("the note says %d changes are done of %d: %v, %v", state.Changes, len(all), err, stateErr)
	}
}

// stopping is a source in whose midst a migration is stopped, of which each batch is small.
type stopping struct {
	store.Store
	mu    sync.Mutex
	after int
	stop  func()
}

func (s *stopping) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.after--; s.after <= 0 {
		s.stop()
		return store.Torrent{}, context.Canceled
	}
	return s.Store.Get(ctx, id, alloc)
}

func (s *stopping) Changes(ctx context.Context, after store.Cursor, _ int) ([]store.Change, store.Cursor, error) {
	return s.Store.Changes(ctx, after, 4)
}

func TestFollow(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	ids := fill(t, from)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	caught := make(chan bool, 1000)
	o := options(t, from, to)
	o.Follow, o.CaughtUp = true, func() { caught <- true }
	var counts migrate.Counts
	ended := make(chan error)
	go func() { ended <- migrate.Run(ctx, o, &counts) }()
	<-caught
	equal(t, from, to, ids)
	late := item(t, 1000, 0)
	put(t, from, late)
	for counts.Changes.Load() == 0 || !has(to, late) {
		<-caught
	}
	stop()
	must(t, <-ended)
}

// A store that is away for a while holds a migration up; away for long it ends it.
func TestUnavailable(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	put(t, from, item(t, 1, 0))
	away := &away{Store: to, calls: 1}
	var counts migrate.Counts
	must(t, migrate.Run(t.Context(), options(t, from, away), &counts))
	if !has(to, item(t, 1, 0)) {
		t.Error("the torrent is missing")
	}
	away.calls = 1000
	o := options(t, &awayFeed{from}, to)
	o.Patience = 0
	if err := migrate.Run(t.Context(), o, &counts); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

type awayFeed struct{ store.Store }

func (awayFeed) Changes(_ context.Context, after store.Cursor, _ int) ([]store.Change, store.Cursor, error) {
	return nil, after, store.ErrUnavailable
}

// away is a store whose first puts fail.
type away struct {
	store.Store
	calls int
}

func (a *away) Put(ctx context.Context, items []store.Item) []store.Result {
	if a.calls--; a.calls >= 0 {
		return []store.Result{{Err: store.ErrUnavailable}}
	}
	return a.Store.Put(ctx, items)
}

// Damaged torrents are left out and told, and the rest is moved.
func TestDamaged(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	bad, good, forged := item(t, 1, 0), item(t, 2, 0), item(t, 3, 0)
	put(t, from, bad)
	from.Damage(bad.IDs.Primary())
	put(t, from, good)
	forged.IDs = item(t, 4, 0).IDs // bytes of another torrent
	put(t, from, forged)
	var refused sync.Map
	o := options(t, from, to)
	o.Refused = func(id infohash.ID, err error) { refused.Store(id, err) }
	var counts migrate.Counts
	must(t, migrate.Run(t.Context(), o, &counts))
	for _, id := range []infohash.ID{bad.IDs.Primary(), forged.IDs.Primary()} {
		if err, ok := refused.Load(id); !ok || !errors.Is(err.(error), store.ErrDamaged) {
			t.Errorf("%s: told %v", id, err)
		}
	}
	if !has(to, good) || has(to, bad) || has(to, forged) {
		t.Error("the wrong torrents were moved")
	}
}

func TestState(t *testing.T) {
	name := filepath.Join(t.TempDir(), "state")
	want := migrate.State{To: "s3://a", Cursor: store.Cursor{Epoch: 1, Sequence: 2}, Changes: 3}
	if got, err := migrate.ReadState(name, "s3://a"); err != nil || got != (migrate.State{To: "s3://a"}) {
		t.Errorf("no note: %v, %v", got, err)
	}
	must(t, want.Write(name))
	if got, err := migrate.ReadState(name, "s3://a"); err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := migrate.ReadState(name, "s3://b"); err == nil {
		t.Error("the note of another destination is taken")
	}
}
