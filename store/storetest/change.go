package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

func testRemove(t *testing.T, b *bench) {
	for _, shape := range shapes {
		item := Torrent(shape, 1, 500, 0)
		for _, id := range item.IDs.All() {
			name := shape.String() + " " + id.String()[:4]
			t.Run("by any id, "+name, func(t *testing.T) { removeHeld(b.open(t), item, id) })
			t.Run("in advance, "+name, func(t *testing.T) { removeAhead(b.open(t), item, id) })
		}
	}
	for _, shape := range shapes {
		t.Run("erased, "+shape.String(), func(t *testing.T) { eraseHeld(b.open(t), Torrent(shape, 1, 500, 0)) })
	}
	t.Run("the latest removal is told", testLatestRemoval(b))
	t.Run("nothing to restore", func(t *testing.T) {
		f := b.open(t)
		item := Torrent(V1, 1, 500, 0)
		f.restore(item.IDs.V1, store.ErrNotFound)
		f.put(item, store.Created)
		f.restore(item.IDs.V1, store.ErrNotFound)
		f.holds(item)
	})
	t.Run("invalid", func(t *testing.T) {
		f := b.open(t)
		id := Torrent(V1, 1, 500, 0).IDs.V1
		long := strings.Repeat("x", store.MaxRemovalText+1)
		for _, err := range []error{
			Remove(t.Context(), f, infohash.ID{}, store.Removal{}),
			Remove(t.Context(), f, id, store.Removal{Reason: long}),
			Remove(t.Context(), f, id, store.Removal{Reference: long}),
		} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("Remove = %v, want ErrInvalid", err)
			}
		}
		f.lacks(store.ErrNotFound, id)
	})
}

// removeHeld removes and restores a torrent that the store holds.
func removeHeld(f *fixture, item store.Item, id infohash.ID) {
	f.put(item, store.Created)
	f.remove(id, "first")
	f.lacks(store.ErrRemoved, item.IDs.All()...)
	f.refuse(item, store.ErrRemoved)
	f.restore(item.IDs.Primary(), nil)
	f.holds(item)
	f.put(item, store.AlreadyCached)
}

// eraseHeld erases a torrent that was removed before, and does so again when no bytes are left.
// After its restoration the store behaves as if it had never held the torrent.
func eraseHeld(f *fixture, item store.Item) {
	f.put(item, store.Created)
	f.put(Torrent(V1, 2, 700, 0), store.Created)
	f.remove(item.IDs.Primary(), "first")
	for range 2 {
		removal := store.Removal{Reason: "second", Time: now, Erase: true}
		if err := Remove(f.t.Context(), f, item.IDs.Primary(), removal); err != nil {
			f.t.Fatal(err)
		}
		f.reopen()
		f.lacks(store.ErrRemoved, item.IDs.All()...)
		var removed *store.RemovedError
		if _, err := f.Get(f.t.Context(), item.IDs.Primary(), nil); !errors.As(err, &removed) || removed.Removal.Erase || removed.Removal.Reason != "second" {
			f.t.Errorf("Get = %#v, want the second removal without Erase", err)
		}
	}
	f.holds(Torrent(V1, 2, 700, 0))
	f.restore(item.IDs.Primary(), nil)
	f.lacks(store.ErrNotFound, item.IDs.All()...)
	f.put(item, store.Created)
	f.holds(item)
}

// removeAhead removes and restores one id of a torrent that the store never held.
func removeAhead(f *fixture, item store.Item, id infohash.ID) {
	f.remove(id, "first")
	f.lacks(store.ErrRemoved, id)
	for _, other := range item.IDs.All() {
		if other != id {
			f.lacks(store.ErrNotFound, other)
			f.restore(other, store.ErrNotFound)
		}
	}
	f.refuse(item, store.ErrRemoved)
	f.restore(id, nil)
	f.lacks(store.ErrNotFound, item.IDs.All()...)
	f.put(item, store.Created)
	f.holds(item)
}

func testLatestRemoval(b *bench) func(t *testing.T) {
	return func(t *testing.T) {
		f := b.open(t)
		item := Torrent(Hybrid, 1, 500, 0)
		f.put(item, store.Created)
		f.remove(item.IDs.V1, "first")
		longest := strings.Repeat("é", store.MaxRemovalText/2)
		removals := []struct{ given, want store.Removal }{
			{store.Removal{Reason: "second", Reference: "https://example.org/2", Time: now.Add(time.Hour)},
				store.Removal{Reason: "second", Reference: "https://example.org/2", Time: stored.Add(time.Hour)}},
			{store.Removal{Reason: longest, Reference: longest}, store.Removal{Reason: longest, Reference: longest, Time: stored}},
		}
		for _, r := range removals {
			if err := Remove(t.Context(), f, item.IDs.V2, r.given); err != nil {
				t.Fatal(err)
			}
			f.reopen()
			_, err := f.Get(t.Context(), item.IDs.V1, nil)
			var removed *store.RemovedError
			if !errors.As(err, &removed) || removed.Removal != r.want {
				t.Errorf("Get = %#v, want the removal %+v", err, r.want)
			}
			result := f.Put(t.Context(), []store.Item{item})[0]
			if !errors.As(result.Err, &removed) || removed.Removal != r.want {
				t.Errorf("Put = %#v, want the removal %+v", result.Err, r.want)
			}
		}
	}
}

// size returns the total size of items in bytes.
func size(items ...store.Item) (n int64) {
	for _, item := range items {
		n += int64(len(item.Torrent))
	}
	return n
}

func testStats(t *testing.T, b *bench) {
	f := b.open(t)
	one, two := Torrent(Hybrid, 1, 500, 0), Torrent(V1, 2, 700, 0)
	longer := ranked(Torrent(V1, 2, 700, 1_000_000), store.RankKeyed)
	steps := []struct {
		name string
		do   func()
		want store.Stats
	}{
		{"empty", func() {}, store.Stats{}},
		{"one", func() { f.put(one, store.Created) }, store.Stats{Torrents: 1, Bytes: size(one)}},
		{"two", func() { f.put(two, store.Created) }, store.Stats{Torrents: 2, Bytes: size(one, two)}},
		{"a value", func() { f.setValue("a.note", []byte("not counted")) }, store.Stats{Torrents: 2, Bytes: size(one, two)}},
		{"outranked", func() { f.put(longer, store.Outranked) }, store.Stats{Torrents: 2, Bytes: size(one, two)}},
		{"of a higher rank", func() { f.put(ranked(two, 150), store.AlreadyCached) }, store.Stats{Torrents: 2, Bytes: size(one, two)}},
		{"replaced", func() { f.put(replacing(longer, two), store.Replaced) }, store.Stats{Torrents: 2, Bytes: size(one, longer)}},
		{"damaged", func() { f.damage(longer) }, store.Stats{Torrents: 1, Bytes: size(one)}},
		{"healed", func() { f.put(two, store.Healed) }, store.Stats{Torrents: 2, Bytes: size(one, two)}},
		{"removed", func() { f.remove(one.IDs.V2, "gone") }, store.Stats{Torrents: 1, Removed: 3, Bytes: size(two)}},
		{"removed twice", func() { f.remove(one.IDs.V1, "gone") }, store.Stats{Torrents: 1, Removed: 3, Bytes: size(two)}},
		{"in advance", func() { f.remove(Torrent(V2, 9, 1, 0).IDs.V2, "gone") }, store.Stats{Torrents: 1, Removed: 4, Bytes: size(two)}},
		{"restored", func() { f.restore(one.IDs.V1, nil) }, store.Stats{Torrents: 2, Removed: 1, Bytes: size(one, two)}},
		{"none ahead", func() { f.restore(Torrent(V2, 9, 1, 0).IDs.V2, nil) }, store.Stats{Torrents: 2, Bytes: size(one, two)}},
	}
	for _, step := range steps {
		step.do()
		got, err := f.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.DiskUsed != 0 && got.DiskUsed < got.Bytes {
			t.Errorf("%s: DiskUsed is %d, less than the %d bytes of torrents", step.name, got.DiskUsed, got.Bytes)
		}
		got.DiskUsed = 0
		if got != step.want {
			t.Errorf("%s: %+v, want %+v", step.name, got, step.want)
		}
	}
}
