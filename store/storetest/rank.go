package storetest

import (
	"testing"

	"github.com/torrentcache/torrentcache/store"
)

// someRanks are the named ranks and some between them, in ascending order.
var someRanks = []store.Rank{1, store.RankFetched, 100, store.RankAnonymous, 150, store.RankKeyed, 255}

// testRanks puts torrents of different ranks over one another. Only the numbers of the ranks
// count.
func testRanks(t *testing.T, b *bench) {
	first, second := Torrent(Hybrid, 1, 500, 1), Torrent(Hybrid, 1, 500, 2)
	t.Run("other bytes", func(t *testing.T) {
		f := b.open(t)
		for i, high := range someRanks[1:] {
			low, seed := someRanks[i], uint64(i)
			below, above := ranked(Torrent(V1, seed, 500, 1), low), ranked(Torrent(V1, seed, 500, 2), high)
			f.put(below, store.Created)
			f.put(above, store.Outranked)
			f.holds(below)
			f.put(replacing(above, below), store.Replaced)
			f.holds(above)
			f.put(below, store.AlreadyCached)
			f.holds(above)
		}
	})
	t.Run("the same bytes", func(t *testing.T) {
		f := b.open(t)
		for i, rank := range someRanks {
			if i == 0 {
				f.put(ranked(first, rank), store.Created)
			} else {
				f.put(ranked(first, rank), store.AlreadyCached)
				f.put(ranked(first, someRanks[i-1]), store.AlreadyCached)
			}
			f.holds(ranked(first, rank))
		}
	})
	t.Run("the same bytes protect from what was higher before", func(t *testing.T) {
		f := b.open(t)
		f.put(first, store.Created)
		f.put(ranked(second, 150), store.Outranked)
		f.put(ranked(first, store.RankKeyed), store.AlreadyCached)
		f.put(ranked(second, 150), store.AlreadyCached)
		f.holds(ranked(first, store.RankKeyed))
	})
	t.Run("removed and restored it has its rank", func(t *testing.T) {
		f := b.open(t)
		f.put(ranked(first, 150), store.Created)
		f.remove(first.IDs.V1, "gone")
		f.refuse(ranked(first, store.RankKeyed), store.ErrRemoved)
		f.restore(first.IDs.V1, nil)
		f.holds(ranked(first, 150))
	})
}

// testHealRanks heals records of one rank with items of another.
func testHealRanks(t *testing.T, b *bench) {
	first, second := Torrent(Hybrid, 1, 500, 1), Torrent(Hybrid, 1, 500, 2)
	for _, test := range []struct {
		name            string
		old, item, want store.Item
	}{
		{"other bytes, lower", ranked(first, store.RankKeyed), second, second},
		{"other bytes, higher", first, ranked(second, store.RankKeyed), ranked(second, store.RankKeyed)},
		{"the version named, lower", ranked(first, store.RankKeyed), replacing(second, first), second},
		{"the same bytes, lower", ranked(first, store.RankKeyed), first, ranked(first, store.RankKeyed)},
		{"the same bytes, higher", first, ranked(first, store.RankKeyed), ranked(first, store.RankKeyed)},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := b.open(t)
			f.put(test.old, store.Created)
			f.damage(test.old)
			f.put(test.item, store.Healed)
			f.holds(test.want)
		})
	}
}

// highestRank races writers of the same bytes. The record gets the highest of their ranks, and a
// writer that reads it after its own put never sees a lower rank than its own.
func highestRank(t *testing.T, f *fixture) {
	const writers = 8
	item := Torrent(Hybrid, 1, 500, 0)
	each(writers, func(w int) {
		mine := ranked(item, store.Rank(100+w))
		if r := f.Put(t.Context(), []store.Item{mine})[0]; r.Err != nil || r.Outcome != store.Created && r.Outcome != store.AlreadyCached {
			t.Errorf("Put = %+v, want Created or AlreadyCached", r)
		}
		if got, err := f.Get(t.Context(), item.IDs.V2, nil); err != nil || got.Rank < mine.Rank {
			t.Errorf("Get after a put of rank %d = rank %d, %v", mine.Rank, got.Rank, err)
		}
	})
	f.reopen()
	f.holds(ranked(item, 100+writers-1))
}
