package s3store

import (
	"log/slog"
	"testing"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// damageBatch damages a batch of the feed.
func damageBatch(t *testing.T, s *Store, number uint64) {
	t.Helper()
	overwriteRaw(t, s, feedKey(number), func(body []byte) []byte { return flip(nil, body) })
}

// TestCountsAfterDamageOfTheFeed damages the last objects of the feed: a node that starts then
// counts from the last that can be read, and the changes that it writes after them are heard.
func TestCountsAfterDamageOfTheFeed(t *testing.T) {
	const batches = 7
	e := newEngine(t)
	s := open(t, e.options("counts/", fixedTime))
	var size int64
	put := func(s *Store, seed uint64) {
		item := storetest.Torrent(storetest.V1, seed, 300, 0)
		mustPut(t, s, item, store.Created)
		size = int64(len(item.Torrent))
	}
	for i := range uint64(batches) {
		put(s, i)
	}
	for damaged := range int64(batches) {
		damageBatch(t, s, uint64(batches-damaged))
		left := batches - damaged - 1
		fresh := open(t, e.options("counts/", fixedTime))
		want := store.Stats{Torrents: left, Bytes: left * size}
		if stats, err := fresh.Stats(t.Context()); err != nil || stats != want {
			t.Errorf("%d damaged: %+v, %v; want %+v", damaged+1, stats, err, want)
		}
	}
	fresh := open(t, e.options("counts/", fixedTime))
	put(fresh, batches)
	if stats, err := fresh.Stats(t.Context()); err != nil || stats.Torrents != 1 {
		t.Errorf("after another upload: %+v, %v", stats, err)
	}
	if got := changesOf(t, fresh); len(got) != 1 {
		t.Errorf("the feed has %v, want what can be read", got)
	}
}

// TestCountsOfWhoIsBehind reads a feed whose last object is damaged, many objects at a
// time: the counts are those of the one before.
func TestCountsOfWhoIsBehind(t *testing.T) {
	const batches = 7 // one, two and four are read at a time
	s := open(t, newEngine(t).options("behind/", fixedTime))
	for i := range uint64(batches) {
		mustPut(t, s, storetest.Torrent(storetest.V1, i, 300, 0), store.Created)
	}
	damageBatch(t, s, batches)
	f := newFeed(s.bucket, slog.New(slog.DiscardHandler))
	if err := f.advance(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.currentTotals().Torrents; f.end() != batches || got != batches-1 {
		t.Errorf("%d torrents after %d objects, want %d", got, f.end(), batches-1)
	}
}
