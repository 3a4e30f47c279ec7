package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/torrentcache/torrentcache/store"
)

func testBatch(t *testing.T, b *bench) {
	t.Run("empty", func(t *testing.T) {
		if got := b.open(t).Put(t.Context(), nil); len(got) != 0 {
			t.Errorf("Put of nothing = %v", got)
		}
	})
	t.Run("duplicates and bad items", func(t *testing.T) { mixedBatch(t, b.open(t)) })
	t.Run("larger than any group", func(t *testing.T) { largeBatch(t, b.open(t)) })
}

// mixedBatch puts a batch of items, each of which meets a different rule.
func mixedBatch(t *testing.T, f *fixture) {
	gone, here := Torrent(V1, 1, 500, 0), Torrent(Hybrid, 2, 500, 0)
	f.remove(gone.IDs.V1, "gone")
	f.put(here, store.Created)
	fresh := Torrent(V1, 3, 500, 0)
	next := replacing(ranked(Torrent(V1, 3, 500, 1), store.RankKeyed), fresh)
	higher := ranked(Torrent(Hybrid, 2, 500, 1), store.RankKeyed)
	mixed := Torrent(Hybrid, 4, 500, 0)
	mixed.IDs.V1 = here.IDs.V1
	last := Torrent(V2, 5, 500, 0)
	results := f.Put(t.Context(), []store.Item{fresh, {}, fresh, gone, here, next, mixed, last, higher})
	f.reopen()
	want := []store.Result{
		{Outcome: store.Created}, {Err: store.ErrInvalid}, {Outcome: store.AlreadyCached}, {Err: store.ErrRemoved},
		{Outcome: store.AlreadyCached}, {Outcome: store.Replaced}, {Err: store.ErrConflict}, {Outcome: store.Created},
		{Outcome: store.Outranked},
	}
	for i, w := range want {
		if got := results[i]; !errors.Is(got.Err, w.Err) || w.Err == nil && got.Outcome != w.Outcome {
			t.Errorf("item %d: %+v, want %+v", i, got, w)
		}
	}
	for _, item := range []store.Item{here, next, last} {
		f.holds(item)
	}
	f.lacks(store.ErrNotFound, mixed.IDs.V2)
}

// largeBatch puts more items than any store handles at once: the largest group is 1024 changes.
func largeBatch(t *testing.T, f *fixture) {
	items := make([]store.Item, 1100)
	for i := range items {
		items[i] = Torrent(shapes[i%len(shapes)], uint64(i), 100+i, 0)
	}
	for i, r := range f.Put(t.Context(), items) {
		if r.Err != nil || r.Outcome != store.Created {
			t.Fatalf("item %d: %+v", i, r)
		}
	}
	f.reopen()
	for _, item := range items[:10] {
		f.holds(item)
	}
	const readers = 16 // one at a time is slow where each read is a request
	each(readers, func(r int) {
		for i := r; i < len(items); i += readers {
			ids := items[i].IDs.All()
			got, err := f.Get(t.Context(), ids[len(ids)-1], nil)
			if err != nil || !bytes.Equal(got.Bytes, items[i].Torrent) {
				t.Errorf("item %d: %d bytes, %v", i, len(got.Bytes), err)
			}
		}
	})
}
