package storetest

import (
	"slices"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

var shapes = []Shape{V1, V2, Hybrid}

func testPut(t *testing.T, b *bench) {
	for _, shape := range shapes {
		t.Run("created, then cached, "+shape.String(), func(t *testing.T) {
			f := b.open(t)
			item := Torrent(shape, 1, 3000, 0)
			f.lacks(store.ErrNotFound, item.IDs.All()...)
			f.put(item, store.Created)
			f.holds(item)
			f.put(item, store.AlreadyCached)
			f.put(Torrent(shape, 1, 3000, 1), store.AlreadyCached)
			f.holds(item)
		})
	}
	t.Run("sizes", func(t *testing.T) {
		f := b.open(t)
		for seed, size := range []int{1, 7, 8, 9, 4095, 4096, 4097, 100_000, 3_000_000} {
			item := Torrent(V1, uint64(seed), size, 0)
			f.put(item, store.Created)
			f.holds(item)
		}
	})
	t.Run("the caller may reuse its bytes", func(t *testing.T) {
		f := b.open(t)
		item, want := Torrent(V1, 1, 3000, 0), Torrent(V1, 1, 3000, 0)
		f.put(item, store.Created)
		clear(item.Torrent)
		f.holds(want)
	})
}

func testInvalid(t *testing.T, b *bench) {
	invalid := []struct {
		name string
		item store.Item
	}{
		{"no id", store.Item{Torrent: []byte("info"), InfoLength: 4}},
		{"no bytes", store.Item{IDs: Torrent(V1, 1, 1, 0).IDs}},
		{"no info", store.Item{IDs: Torrent(V1, 1, 1, 0).IDs, Torrent: []byte("info")}},
		{"info behind the end", store.Item{IDs: Torrent(V1, 1, 1, 0).IDs, Torrent: []byte("info"), InfoOffset: 1, InfoLength: 4}},
		{"info before the beginning", store.Item{IDs: Torrent(V1, 1, 1, 0).IDs, Torrent: []byte("info"), InfoOffset: -1, InfoLength: 4}},
		{"span overflows", store.Item{IDs: Torrent(V1, 1, 1, 0).IDs, Torrent: []byte("info"), InfoOffset: 1, InfoLength: int(^uint(0) >> 1)}},
		{"v2 id as v1", store.Item{IDs: infohash.Set{V1: Torrent(V2, 1, 1, 0).IDs.V2}, Torrent: []byte("info"), InfoLength: 4}},
		{"v1 id as v2", store.Item{IDs: infohash.Set{V2: Torrent(V1, 1, 1, 0).IDs.V1}, Torrent: []byte("info"), InfoLength: 4}},
	}
	for _, test := range invalid {
		t.Run("invalid: "+test.name, func(t *testing.T) {
			f := b.open(t)
			f.refuse(ranked(test.item, store.RankAnonymous), store.ErrInvalid)
			f.lacks(store.ErrNotFound, test.item.IDs.All()...)
		})
	}
	t.Run("invalid: no rank", func(t *testing.T) {
		f := b.open(t)
		item := Torrent(V1, 1, 500, 0)
		f.refuse(ranked(item, 0), store.ErrInvalid)
		f.lacks(store.ErrNotFound, item.IDs.V1)
	})
}

func testGet(t *testing.T, b *bench) {
	f := b.open(t)
	item := Torrent(V2, 1, 3000, 0)
	f.put(item, store.Created)
	t.Run("no id", func(t *testing.T) { f.lacks(store.ErrNotFound, infohash.ID{}) })
	t.Run("other id", func(t *testing.T) { f.lacks(store.ErrNotFound, Torrent(Hybrid, 2, 1, 0).IDs.All()...) })
	t.Run("has in order", func(t *testing.T) {
		other := Torrent(V1, 2, 1, 0).IDs.V1
		got, err := f.Has(t.Context(), []infohash.ID{other, item.IDs.V2, other, item.IDs.V2.Short()})
		held := store.Held{IDs: item.IDs, Rank: item.Rank}
		if want := []store.Held{{}, held, {}, held}; err != nil || !slices.Equal(got, want) {
			t.Errorf("Has = %v, %v; want %v", got, err, want)
		}
	})
	t.Run("has of nothing", func(t *testing.T) { f.has(true) })
}

func testReplace(t *testing.T, b *bench) {
	keyed := func(item store.Item) store.Item { return ranked(item, store.RankKeyed) }
	first, second, third := Torrent(Hybrid, 1, 3000, 1), Torrent(Hybrid, 1, 3000, 2), Torrent(Hybrid, 1, 3000, 3)
	type step struct {
		item    store.Item
		outcome store.Outcome
		err     error
	}
	tests := []struct {
		name  string
		steps []step
		want  store.Item
	}{
		{"a key outranks anonymous", []step{{first, store.Created, nil}, {keyed(second), store.Outranked, nil}}, first},
		{"and replaces what it names", []step{
			{first, store.Created, nil}, {keyed(second), store.Outranked, nil}, {keyed(replacing(second, first)), store.Replaced, nil},
		}, keyed(second)},
		{"the same rank does not", []step{{keyed(first), store.Created, nil}, {keyed(second), store.AlreadyCached, nil}}, keyed(first)},
		{"a lower rank does not", []step{{keyed(first), store.Created, nil}, {second, store.AlreadyCached, nil}}, keyed(first)},
		{"a named version is replaced", []step{{first, store.Created, nil}, {replacing(second, first), store.Replaced, nil}}, second},
		{"whatever its rank, which stays", []step{{keyed(first), store.Created, nil}, {replacing(second, first), store.Replaced, nil}}, keyed(second)},
		{"a named version once only", []step{
			{first, store.Created, nil}, {replacing(second, first), store.Replaced, nil}, {replacing(third, first), 0, store.ErrChanged},
		}, second},
		{"of the rank that it names", []step{{first, store.Created, nil}, {keyed(replacingRank(second, first)), store.Replaced, nil}}, keyed(second)},
		{"not once that was raised", []step{
			{first, store.Created, nil}, {keyed(first), store.AlreadyCached, nil}, {keyed(replacingRank(second, first)), 0, store.ErrChanged},
		}, keyed(first)},
		{"a key does not overrule the condition", []step{{first, store.Created, nil}, {keyed(replacing(third, second)), 0, store.ErrChanged}}, first},
		{"done already", []step{
			{first, store.Created, nil}, {replacing(second, first), store.Replaced, nil}, {replacing(second, first), store.AlreadyCached, nil},
		}, second},
		{"done already, by a lower rank", []step{
			{first, store.Created, nil}, {replacing(second, first), store.Replaced, nil}, {keyed(replacing(second, first)), store.AlreadyCached, nil},
		}, keyed(second)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := b.open(t)
			for _, s := range test.steps {
				if s.err != nil {
					f.refuse(s.item, s.err)
				} else {
					f.put(s.item, s.outcome)
				}
			}
			f.holds(test.want)
		})
	}
	t.Run("nothing to replace", func(t *testing.T) {
		f := b.open(t)
		f.refuse(replacing(second, first), store.ErrChanged)
		f.lacks(store.ErrNotFound, first.IDs.All()...)
	})
}

func testConflict(t *testing.T, b *bench) {
	held, other := Torrent(Hybrid, 1, 500, 0), Torrent(Hybrid, 2, 500, 0)
	with := func(item store.Item, ids infohash.Set) store.Item { item.IDs = ids; return item }
	tests := []struct {
		name string
		item store.Item
	}{
		{"same ids, other info bytes", with(other, held.IDs)},
		{"same ids, info span elsewhere", store.Item{IDs: held.IDs, Torrent: held.Torrent, InfoOffset: held.InfoOffset + 1, InfoLength: held.InfoLength - 1}},
		{"v1 held, v2 unknown", with(other, infohash.Set{V1: held.IDs.V1, V2: Torrent(V2, 3, 1, 0).IDs.V2})},
		{"v1 unknown, v2 held", with(other, infohash.Set{V1: Torrent(V1, 3, 1, 0).IDs.V1, V2: held.IDs.V2})},
		{"ids of two records", with(other, infohash.Set{V1: held.IDs.V1, V2: other.IDs.V2})},
		{"fewer ids than the record", with(held, infohash.Set{V1: held.IDs.V1})},
		{"the short form as a v1 id", with(held, infohash.Set{V1: held.IDs.V2.Short()})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := b.open(t)
			f.put(held, store.Created)
			f.put(other, store.Created)
			test.item.Rank = store.RankKeyed
			f.refuse(test.item, store.ErrConflict)
			f.holds(held)
			f.holds(other)
			if !held.IDs.Contains(test.item.IDs.V2) && !other.IDs.Contains(test.item.IDs.V2) {
				f.lacks(store.ErrNotFound, test.item.IDs.V2)
			}
		})
	}
	t.Run("removed comes before conflict", func(t *testing.T) {
		f := b.open(t)
		f.put(held, store.Created)
		f.remove(other.IDs.V2, "gone")
		f.refuse(with(other, infohash.Set{V1: held.IDs.V1, V2: other.IDs.V2}), store.ErrRemoved)
		f.holds(held)
	})
}

func testHeal(t *testing.T, b *bench) {
	for _, shape := range shapes {
		t.Run("by an upload, "+shape.String(), func(t *testing.T) {
			f := b.open(t)
			item, other := Torrent(shape, 1, 3000, 0), Torrent(shape, 2, 3000, 0)
			f.put(item, store.Created)
			f.put(other, store.Created)
			f.damage(item)
			f.holds(other)
			f.put(item, store.Healed)
			f.holds(item)
			f.put(item, store.AlreadyCached)
		})
	}
}

func testHealRules(t *testing.T, b *bench) {
	old, next := Torrent(V1, 1, 3000, 0), Torrent(V1, 1, 3000, 1)
	t.Run("with other outer bytes", func(t *testing.T) {
		f := b.open(t)
		f.put(old, store.Created)
		f.damage(old)
		f.put(next, store.Healed)
		f.holds(next)
	})
	t.Run("if the version is the one named", func(t *testing.T) {
		f := b.open(t)
		f.put(old, store.Created)
		f.damage(old)
		wrong, right := next, next
		wrong.Replaces = store.VersionOf(next.Torrent)
		right.Replaces = store.VersionOf(old.Torrent)
		f.refuse(wrong, store.ErrChanged)
		f.lacks(store.ErrDamaged, old.IDs.V1) // a reopened store may only find the damage on a read
		f.put(right, store.Healed)
		f.holds(right)
	})
	t.Run("removed and restored it is still damaged", func(t *testing.T) {
		f := b.open(t)
		f.put(old, store.Created)
		f.damage(old)
		f.remove(old.IDs.V1, "gone")
		f.refuse(old, store.ErrRemoved)
		f.restore(old.IDs.V1, nil)
		f.lacks(store.ErrDamaged, old.IDs.V1)
		f.put(old, store.Healed)
		f.holds(old)
	})
}

// damage damages item's torrent, and fails unless Get reports that for all its ids.
func (f *fixture) damage(item store.Item) {
	f.t.Helper()
	f.opener.Damage(f.t, f.Store, item.IDs.Primary())
	f.lacks(store.ErrDamaged, item.IDs.All()...)
	f.reopen()
	f.lacks(store.ErrDamaged, item.IDs.All()...)
}
