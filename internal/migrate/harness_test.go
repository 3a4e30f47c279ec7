package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// item is a real torrent, of any shape.
func item(t *testing.T, n, outer int) store.Item {
	t.Helper()
	var torrent []byte
	switch name := fmt.Sprintf("torrent %d", n); n % 3 {
	case 0:
		torrent = torrenttest.V1(name)
	case 1:
		torrent = torrenttest.V2(name)
	default:
		torrent = torrenttest.Hybrid(name)
	}
	if outer > 0 { // an outer key more, which sorts before all others
		torrent = append(fmt.Appendf(nil, "d3:aaai%de", outer), torrent[1:]...)
	}
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	offset, length := parsed.InfoSpan()
	it := store.Item{IDs: parsed.IDs(), Torrent: torrent, InfoOffset: offset, InfoLength: length, Rank: store.RankAnonymous}
	if outer > 0 {
		it.Rank = store.RankKeyed
	}
	return it
}

// put puts it, also in the place of a torrent that it outranks.
func put(t *testing.T, s store.Store, it store.Item) {
	t.Helper()
	ctx := context.Background()
	r := s.Put(ctx, []store.Item{it})[0]
	if r.Err == nil && r.Outcome == store.Outranked {
		current, err := s.Get(ctx, it.IDs.Primary(), nil)
		must(t, err)
		it.Replaces = current.Version
		r = s.Put(ctx, []store.Item{it})[0]
	}
	must(t, r.Err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// fill makes in s all kinds of entries that a store can have, and returns the ids.
func fill(t *testing.T, s store.Store) []infohash.ID {
	t.Helper()
	var ids []infohash.ID
	for n := range 60 {
		it := item(t, n, 0)
		ids = append(ids, it.IDs.All()...)
		id, ctx := it.IDs.Primary(), context.Background()
		removal := store.Removal{Reason: fmt.Sprint("reason ", n), Reference: "case", Time: time.Unix(int64(1e9+n), 0)}
		if n%10 == 9 { // in advance, by one id alone
			must(t, storetest.Remove(ctx, s, id, removal))
			continue
		}
		put(t, s, it)
		switch n % 10 {
		case 1, 2:
			put(t, s, item(t, n, 1)) // replaced
		case 3, 4:
			must(t, storetest.Remove(ctx, s, id, removal))
		case 5:
			must(t, storetest.Remove(ctx, s, id, removal))
			must(t, storetest.Restore(ctx, s, id))
		case 6, 7:
			removal.Erase = true
			must(t, storetest.Remove(ctx, s, id, removal))
			must(t, storetest.Restore(ctx, s, id))
		case 8:
			removal.Erase = true
			must(t, storetest.Remove(ctx, s, id, removal))
		}
	}
	return ids
}

// equal fails unless both stores say the same of every id.
func equal(t *testing.T, from, to store.Store, ids []infohash.ID) {
	t.Helper()
	equalBut(t, from, to, ids, func(a, b store.Rank) bool { return a == b })
}

// equalBut is equal, with ranks that need be only as good as that.
func equalBut(t *testing.T, from, to store.Store, ids []infohash.ID, good func(a, b store.Rank) bool) {
	t.Helper()
	for _, id := range ids {
		a, errA := from.Get(t.Context(), id, nil)
		b, errB := to.Get(t.Context(), id, nil)
		removedA, isA := errors.AsType[*store.RemovedError](errA)
		removedB, isB := errors.AsType[*store.RemovedError](errB)
		switch {
		case isA && isB:
			if removedA.Removal != removedB.Removal {
				t.Errorf("%s: removed for %+v, there for %+v", id, removedA.Removal, removedB.Removal)
			}
		case errA != nil || errB != nil:
			if !errors.Is(errA, store.ErrNotFound) || !errors.Is(errB, store.ErrNotFound) {
				t.Errorf("%s: %v, there %v", id, errA, errB)
			}
		case a.IDs != b.IDs || a.Version != b.Version || !good(a.Rank, b.Rank) || string(a.Bytes) != string(b.Bytes):
			t.Errorf("%s: other bytes there, or rank %d and there %d", id, a.Rank, b.Rank)
		}
	}
}

func openDisk(t *testing.T) store.Store {
	t.Helper()
	s, err := diskstore.Open(diskstore.Options{Dir: t.TempDir(), MinFreeSpace: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func options(t *testing.T, from migrate.Source, to store.Store) migrate.Options {
	return migrate.Options{
		From: from, To: to, Parallel: 8, Patience: 10 * time.Second,
		Save:    func(store.Cursor) error { return nil },
		Refused: func(id infohash.ID, err error) { t.Errorf("%s is left out: %v", id, err) },
	}
}

func has(s store.Store, it store.Item) bool {
	found, err := s.Has(context.Background(), it.IDs.All())
	return err == nil && found[0].Found()
}
