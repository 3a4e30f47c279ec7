package diskstore

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestUnread counts, for each rank, the torrents that were neither read nor put for so long.
func TestUnread(t *testing.T) {
	clock := newDays()
	o := onDisk(vfs.NewMem(), "/store")
	o.Clock = clock.now
	s := mustOpen(t, o)
	old := clock.now()
	want := []store.Unread{{Rank: store.RankFetched}, {Rank: store.RankAnonymous}, {Rank: store.RankKeyed}}
	var read store.Item
	for seed := range uint64(6) {
		item := storetest.Torrent(storetest.Shape(seed%3), seed, 300, 0)
		of := seed % 3
		item.Rank = want[of].Rank
		mustPut(t, s, item, store.Created)
		if seed == 5 {
			read = item
			continue
		}
		want[of].Torrents++
		want[of].Bytes += int64(len(item.Torrent))
		want[of].Oldest = time.Unix(int64(commit.DayOf(old))*commit.Day, 0).UTC()
	}
	clock.advance(20 * 24 * time.Hour)
	s.NoteRead(read.IDs)
	mustPut(t, s, storetest.Torrent(storetest.V1, 9, 300, 0), store.Created)
	clock.advance(10 * 24 * time.Hour)
	check := func(age time.Duration, want []store.Unread) {
		t.Helper()
		got, err := s.Unread(t.Context(), age)
		if err != nil || len(got) != len(want) {
			t.Fatalf("Unread = %+v, %v", got, err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("not read for %v: %+v, want %+v", age, got[i], want[i])
			}
		}
	}
	check(15*24*time.Hour, want)
	s = reopened(t, s, false)
	check(15*24*time.Hour, want)
	check(60*24*time.Hour, []store.Unread{{Rank: store.RankFetched}, {Rank: store.RankAnonymous}, {Rank: store.RankKeyed}})
}
