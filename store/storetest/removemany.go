package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

func testRemoveMany(t *testing.T, b *bench) {
	t.Run("empty", func(t *testing.T) {
		f := b.open(t)
		if got := append(f.Remove(t.Context(), nil, store.Removal{}), f.Restore(t.Context(), nil)...); len(got) != 0 {
			t.Errorf("removing and restoring nothing gave %v", got)
		}
	})
	t.Run("each has its result", func(t *testing.T) { mixedRemovals(b.open(t)) })
	t.Run("the same torrent more than once", func(t *testing.T) { repeatedRemovals(b.open(t)) })
	t.Run("erased", func(t *testing.T) { eraseMany(b.open(t)) })
	t.Run("damaged", func(t *testing.T) { removeDamaged(b.open(t)) })
	t.Run("larger than any group", func(t *testing.T) { removeLarge(b.open(t)) })
	t.Run("an ended context changes nothing", func(t *testing.T) { removeCanceled(b.open(t)) })
	t.Run("an early end leaves each id removed or not", func(t *testing.T) { removeUntilCanceled(b.open(t)) })
}

// gaveRemoved fails unless the results are as wanted: the wanted error, or, if there is none, the
// wanted ids and Held.
func (f *fixture) gaveRemoved(what string, got, want []store.Removed) {
	f.t.Helper()
	if len(got) != len(want) {
		f.t.Fatalf("%s: %d results, want %d", what, len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if !errors.Is(g.Err, w.Err) || w.Err == nil && g != w {
			f.t.Errorf("%s, id %d: %+v, want %+v", what, i, g, w)
		}
	}
	f.reopen()
}

// mixedRemovals removes and restores a batch of ids, each of which meets a different rule.
func mixedRemovals(f *fixture) {
	one, two, three := Torrent(V1, 1, 500, 0), Torrent(V2, 2, 500, 0), Torrent(Hybrid, 3, 500, 0)
	for _, item := range []store.Item{one, two, three} {
		f.put(item, store.Created)
	}
	ahead, before := Torrent(V1, 4, 500, 0).IDs, Torrent(V2, 5, 500, 0).IDs
	f.remove(before.V2, "before")
	ids := []infohash.ID{one.IDs.V1, {}, two.IDs.V2.Short(), ahead.V1, three.IDs.V2, before.V2}
	invalid, absent := store.Removed{Err: store.ErrInvalid}, store.Removed{Err: store.ErrNotFound}
	aheadOnly, beforeOnly := store.Removed{IDs: ahead}, store.Removed{IDs: infohash.Set{V2: before.V2}}
	f.gaveRemoved("Remove", f.Remove(f.t.Context(), ids, store.Removal{Reason: "many"}), []store.Removed{
		{IDs: one.IDs, Held: true}, invalid, {IDs: two.IDs, Held: true}, aheadOnly, {IDs: three.IDs, Held: true}, beforeOnly,
	})
	for _, gone := range []infohash.Set{one.IDs, two.IDs, three.IDs, ahead} {
		f.lacks(store.ErrRemoved, gone.All()...)
	}
	never := Torrent(V1, 6, 500, 0).IDs.V1
	f.gaveRemoved("Restore", f.Restore(f.t.Context(), append(ids, never)), []store.Removed{
		{IDs: one.IDs, Held: true}, absent, {IDs: two.IDs, Held: true}, aheadOnly, {IDs: three.IDs, Held: true}, beforeOnly, absent,
	})
	for _, item := range []store.Item{one, two, three} {
		f.holds(item)
	}
	f.lacks(store.ErrNotFound, ahead.V1, before.V2, never)
}

// repeatedRemovals names a torrent by each of its ids, and by one of them twice. Each removal
// succeeds, and only the first one finds the torrent. One restoration succeeds.
func repeatedRemovals(f *fixture) {
	item, ahead := Torrent(Hybrid, 1, 500, 0), Torrent(V1, 2, 500, 0).IDs.V1
	f.put(item, store.Created)
	ids := append(item.IDs.All(), item.IDs.V1, ahead, ahead)
	held := 0
	for i, r := range f.Remove(f.t.Context(), ids, store.Removal{}) {
		if r.Err != nil || r.IDs.Contains(ahead) != (ids[i] == ahead) || ids[i] != ahead && r.IDs != item.IDs {
			f.t.Errorf("Remove of id %d: %+v", i, r)
		}
		if r.Held {
			held++
		}
	}
	f.reopen()
	if held != 1 {
		f.t.Errorf("%d removals found the torrent, want 1", held)
	}
	f.lacks(store.ErrRemoved, ids...)
	restored := map[bool]int{}
	for i, r := range f.Restore(f.t.Context(), ids) {
		switch {
		case r.Err == nil:
			restored[ids[i] == ahead]++
		case !errors.Is(r.Err, store.ErrNotFound):
			f.t.Errorf("Restore of id %d: %v", i, r.Err)
		}
	}
	f.reopen()
	if restored[true] != 1 || restored[false] != 1 {
		f.t.Errorf("restored %d times, and in advance %d times; want once each", restored[false], restored[true])
	}
	f.holds(item)
}

// eraseMany erases some torrents, and checks that the others stay.
func eraseMany(f *fixture) {
	one, two, stays := Torrent(V1, 1, 500, 0), Torrent(Hybrid, 2, 700, 0), Torrent(V2, 3, 900, 0)
	for _, item := range []store.Item{one, stays, two} {
		f.put(item, store.Created)
	}
	f.remove(two.IDs.V2, "before")
	ahead := Torrent(V1, 4, 500, 0).IDs
	ids := []infohash.ID{one.IDs.V1, {}, ahead.V1, two.IDs.V1}
	f.gaveRemoved("Remove", f.Remove(f.t.Context(), ids, store.Removal{Erase: true}), []store.Removed{
		{IDs: one.IDs, Held: true}, {Err: store.ErrInvalid}, {IDs: ahead}, {IDs: two.IDs},
	})
	f.holds(stays)
	f.gaveRemoved("Restore", f.Restore(f.t.Context(), ids), []store.Removed{
		{IDs: one.IDs}, {Err: store.ErrNotFound}, {IDs: ahead}, {IDs: two.IDs},
	})
	f.lacks(store.ErrNotFound, append(one.IDs.All(), two.IDs.All()...)...)
	f.holds(stays)
}

// removeDamaged removes and restores a torrent that is known to be damaged. A reopened store need
// not remember the damage.
func removeDamaged(f *fixture) {
	item := Torrent(V1, 1, 500, 0)
	f.put(item, store.Created)
	f.damage(item)
	ids := []infohash.ID{item.IDs.V1}
	for _, results := range [][]store.Removed{f.Remove(f.t.Context(), ids, store.Removal{}), f.Restore(f.t.Context(), ids)} {
		if want := (store.Removed{IDs: item.IDs}); results[0] != want {
			f.t.Errorf("%+v, want %+v", results[0], want)
		}
	}
	f.lacks(store.ErrDamaged, item.IDs.V1)
}

// removeLarge removes and restores more ids than any store handles at once (1024 changes). Each
// heldEvery-th id is that of a torrent; the others are removed in advance.
func removeLarge(f *fixture) {
	items := make([]store.Item, 138)
	var ids []infohash.ID
	for i := range items {
		items[i] = Torrent(shapes[i%len(shapes)], uint64(i), 100, 0)
		ids = append(ids, items[i].IDs.Primary())
		for n := range heldEvery - 1 {
			ids = append(ids, Torrent(V1, uint64((n+1)*len(items)+i), 100, 0).IDs.V1)
		}
	}
	for i, r := range f.Put(f.t.Context(), items) {
		if r.Err != nil {
			f.t.Fatalf("item %d: %v", i, r.Err)
		}
	}
	f.reopen()
	f.wantLarge("Remove", f.Remove(f.t.Context(), ids, store.Removal{Reason: "large"}), items)
	f.has(false, ids...)
	f.wantLarge("Restore", f.Restore(f.t.Context(), ids), items)
	for _, item := range items[:10] {
		f.holds(item)
	}
	if changes := f.feed(store.Cursor{}, 1000); len(changes) != len(items)+2*len(ids) {
		f.t.Errorf("the feed has %d changes, want %d", len(changes), len(items)+2*len(ids))
	}
}

const heldEvery = 8

// wantLarge fails unless each heldEvery-th result is that of an item, and the others are removals
// in advance.
func (f *fixture) wantLarge(what string, results []store.Removed, items []store.Item) {
	f.t.Helper()
	for i, r := range results {
		isHeld := i%heldEvery == 0
		if r.Err != nil || r.Held != isHeld || isHeld && r.IDs != items[i/heldEvery].IDs {
			f.t.Fatalf("%s of id %d: %+v", what, i, r)
		}
	}
	f.reopen()
}

func removeCanceled(f *fixture) {
	one, two := Torrent(V1, 1, 500, 0), Torrent(V2, 2, 500, 0)
	f.put(one, store.Created)
	f.put(two, store.Created)
	f.remove(two.IDs.V2, "before")
	ids := []infohash.ID{one.IDs.V1, {}, two.IDs.V2}
	for _, results := range [][]store.Removed{f.Remove(canceled(), ids, store.Removal{}), f.Restore(canceled(), ids)} {
		if len(results) != len(ids) {
			f.t.Fatalf("%d results, want %d", len(results), len(ids))
		}
		for i, r := range results {
			if !errors.Is(r.Err, context.Canceled) {
				f.t.Errorf("id %d: %v, want context.Canceled", i, r.Err)
			}
		}
	}
	f.reopen()
	f.holds(one)
	f.lacks(store.ErrRemoved, two.IDs.V2)
}

// removeUntilCanceled cancels the context while ids are being removed.
func removeUntilCanceled(f *fixture) {
	for round := range 10 {
		ids := make([]infohash.ID, 60)
		for i := range ids {
			ids[i] = Torrent(V1, uint64(round*len(ids)+i), 100, 0).IDs.V1
		}
		ctx, cancel := context.WithCancel(f.t.Context())
		go cancel()
		for i, r := range f.Remove(ctx, ids, store.Removal{}) {
			if r.Err != nil && !errors.Is(r.Err, context.Canceled) {
				f.t.Fatalf("Remove = %v", r.Err)
			}
			_, err := f.Get(f.t.Context(), ids[i], nil)
			if r.Err == nil && !errors.Is(err, store.ErrRemoved) || !errors.Is(err, store.ErrRemoved) && !errors.Is(err, store.ErrNotFound) {
				f.t.Fatalf("Remove = %v, then Get = %v", r.Err, err)
			}
		}
	}
}
