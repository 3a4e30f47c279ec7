package storetest

import (
	"math/rand/v2"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// testHas asks for many ids at once, in any order, some twice, some unknown. It asks again after
// a torrent has got another rank.
func testHas(t *testing.T, b *bench) {
	f := b.open(t)
	var items []store.Item
	for i := range 40 {
		item := Torrent([]Shape{V1, V2, Hybrid}[i%3], uint64(2*i), 100, 0)
		items = append(items, ranked(item, []store.Rank{store.RankFetched, store.RankAnonymous, store.RankKeyed, 200}[i%4]))
	}
	for i, result := range f.Put(t.Context(), items) {
		if result.Err != nil {
			t.Fatalf("item %d: %v", i, result.Err)
		}
	}
	f.remove(items[7].IDs.Primary(), "removed")
	want := map[infohash.ID]store.Held{{}: {}}
	for i, item := range items {
		for _, id := range item.IDs.All() {
			want[id] = store.Held{IDs: item.IDs, Rank: item.Rank}
		}
		for _, id := range Torrent(Hybrid, uint64(2*i+1), 100, 0).IDs.All() {
			want[id] = store.Held{}
		}
	}
	for _, id := range items[7].IDs.All() {
		want[id] = store.Held{}
	}
	f.hasExactly(want)
	f.put(ranked(items[0], store.RankKeyed), store.AlreadyCached)
	for _, id := range items[0].IDs.All() {
		want[id] = store.Held{IDs: items[0].IDs, Rank: store.RankKeyed}
	}
	f.hasExactly(want)
}

// hasExactly fails unless Has gives the answer in want for each id.
func (f *fixture) hasExactly(want map[infohash.ID]store.Held) {
	f.t.Helper()
	var ids []infohash.ID
	for id := range want {
		ids = append(ids, id, id)
	}
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for _, n := range []int{3, len(ids)} {
		got, err := f.Has(f.t.Context(), ids[:n])
		if err != nil || len(got) != n {
			f.t.Fatalf("Has of %d ids = %d answers, %v", n, len(got), err)
		}
		for i, id := range ids[:n] {
			if got[i] != want[id] {
				f.t.Errorf("Has(%v) = %v among %d ids, want %v", id, got[i], n, want[id])
			}
		}
	}
}
