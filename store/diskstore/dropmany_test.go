package diskstore

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestDropsMany drops every other torrent of many, those that nobody read, from a real disk:
// 2,000, or as many as TORRENTCACHE_TEST_RETENTION says.
func TestDropsMany(t *testing.T) {
	if raced {
		return // see raced
	}
	many := uint64(2000)
	if text := os.Getenv("TORRENTCACHE_TEST_RETENTION"); text != "" {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatalf("TORRENTCACHE_TEST_RETENTION: want a number of torrents: %v", err)
		}
		many = n
	}
	clock := newDays()
	o := retaining(vfs.Default, clock)
	o.Dir, o.SegmentSize, o.CacheSize = t.TempDir(), 0, 0 // as it is served
	s := mustOpen(t, o)
	torrent := func(seed uint64) store.Item { return storetest.Torrent(storetest.V1, seed, 1000, 0) }
	const batch = 1000
	for seed := uint64(0); seed < many; seed += batch {
		var items []store.Item
		for n := seed; n < min(many, seed+batch); n++ {
			items = append(items, torrent(n))
		}
		for _, r := range s.Put(t.Context(), items) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
	}
	clock.advance(testUnread)
	for seed := uint64(0); seed < many; seed += 2 {
		s.NoteRead(torrent(seed).IDs)
		if seed%100_000 == 0 {
			s.noteAccesses()
		}
	}
	s.noteAccesses()
	clock.advance(48 * time.Hour)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	dropped, err := s.DropUnread(t.Context())
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	if dropped != int64(many/2) || err != nil {
		t.Errorf("DropUnread = %d, %v; want %d", dropped, err, many/2)
	}
	t.Logf("%d of %d torrents dropped in %v; the heap went from %d to %d kB", dropped, many, took, before.HeapAlloc>>10, after.HeapAlloc>>10)
	s = reopened(t, s, false)
	for seed := range many {
		if there := gets(t, s, torrent(seed)); there != (seed%2 == 0) {
			t.Fatalf("torrent %d is there: %t", seed, there)
		}
	}
}
