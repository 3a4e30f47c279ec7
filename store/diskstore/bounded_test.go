package diskstore

import (
	"bytes"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/recovery"
	"github.com/torrentcache/torrentcache/store/storetest"
)

const testBound = 2 << 20

// boundedOptions makes a cache of 16 segments.
func boundedOptions(fs vfs.FS) Options {
	o := onDisk(fs, "/store")
	o.Bounded = testBound
	o.SegmentSize = testBound / 16
	return o
}

func boundedTorrent(seed uint64) store.Item {
	return storetest.Torrent(storetest.Shape(seed%3), seed, 3000+int(seed%5)*1000, 0)
}

// gets reports whether item is there, and fails if other bytes are.
func gets(t *testing.T, s *Store, item store.Item) bool {
	t.Helper()
	got, err := s.Get(t.Context(), item.IDs.Primary(), nil)
	if err == nil && bytes.Equal(got.Bytes, item.Torrent) {
		return true
	}
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get = %d bytes, %v", len(got.Bytes), err)
	}
	return false
}

// putBounded puts item, at once or after the store has shrunk: on a slow machine files
// that the index has left can take the room of some segments until Pebble deletes them.
func putBounded(t *testing.T, s *Store, item store.Item) {
	t.Helper()
	if r := s.Put(t.Context(), []store.Item{item})[0]; !errors.Is(r.Err, store.ErrFull) {
		if r.Err != nil || r.Outcome != store.Created {
			t.Fatalf("Put = %+v", r)
		}
		return
	}
	if err := s.shrink(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, item, store.Created)
}

// feedOf returns all that the index has of the feed.
func feedOf(t *testing.T, s *Store) []store.Change {
	t.Helper()
	changes, _, err := s.index.Changes(0, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// accountsOf returns how many segments of all there ever were have an account.
func accountsOf(s *Store) (n int) {
	for id := range s.committer.Stats().Segment + 1 {
		if s.index.HasAccount(id) {
			n++
		}
	}
	return n
}

// TestBounded puts three times the bytes that there is room for: torrents that were read stay, the
// newest stay, the rest goes without a trace, and the bound holds throughout.
func TestBounded(t *testing.T) {
	if raced {
		return // see raced
	}
	s := mustOpen(t, boundedOptions(vfs.NewMem()))
	const puts = 3 * testBound / 5000
	hot := []store.Item{boundedTorrent(1), boundedTorrent(2), boundedTorrent(3)}
	for seed := uint64(1); seed < puts; seed++ {
		mustPut(t, s, boundedTorrent(seed), store.Created)
		for _, item := range hot {
			if seed > 3 && !gets(t, s, item) {
				t.Fatalf("after %d puts what is read all the time is gone", seed)
			}
		}
		if err := s.shrink(t.Context()); err != nil {
			t.Fatal(err)
		}
		if seed%50 != 0 {
			continue
		}
		if used := segmentBytes(t, s.options); used > testBound {
			t.Fatalf("%d bytes of segments after %d puts", used, seed)
		}
	}
	check := func() {
		t.Helper()
		for seed := uint64(10); seed < puts/3; seed++ {
			if gets(t, s, boundedTorrent(seed)) {
				t.Errorf("torrent %d is still there", seed)
			}
		}
		for seed := uint64(puts - 20); seed < puts; seed++ {
			serves(t, s, boundedTorrent(seed))
		}
		for _, item := range hot {
			serves(t, s, item)
		}
		stats, err := s.Stats(t.Context())
		if err != nil || stats.Torrents > puts/2 || stats.Bytes > testBound {
			t.Errorf("Stats = %+v, %v", stats, err)
		}
		if n := len(feedOf(t, s)); n > puts/2 {
			t.Errorf("the feed has %d entries for %d torrents", n, stats.Torrents)
		}
		if n := accountsOf(s); n > 17 {
			t.Errorf("%d segments have an account", n)
		}
		accountsAreTrue(t, s)
	}
	check()
	s = reopened(t, s, false)
	check()
	// The segments that fell off may have said that a torrent in those that are left was forgotten.
	mustClose(t, s)
	if _, err := Reindex(s.options); !errors.Is(err, recovery.ErrForgetful) {
		t.Errorf("Reindex = %v", err)
	}
}

// TestBoundedForgetful damages a cache that knows that a torrent was forgotten: its
// bytes are there, and yet it is not back.
func TestBoundedForgetful(t *testing.T) {
	for name, damage := range map[string]func(o Options, size int64){
		"no index": func(o Options, _ int64) {},
		"no index, record damaged": func(o Options, size int64) {
			flip(t, o.FS, fileOf(o, 1), size-format.Align)
			flip(t, o.FS, fileOf(o, 1), size-format.Align+1)
		},
		"no index, record and mark damaged": func(o Options, size int64) {
			flip(t, o.FS, fileOf(o, 1), size-format.Align)
			flip(t, o.FS, fileOf(o, 1), size-format.Align+1)
			flip(t, o.FS, o.FS.PathJoin(o.Dir, files.SyncedName), 20)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, boundedOptions(vfs.NewMem()))
			item := boundedTorrent(1)
			mustPut(t, s, item, store.Created)
			if err := s.Forget(t.Context(), item.IDs.All()); err != nil {
				t.Fatal(err)
			}
			size := s.committer.Stats().Offset
			mustClose(t, s)
			if err := index.Remove(s.options.FS, s.options.Dir); err != nil {
				t.Fatal(err)
			}
			damage(s.options, size)
			again, err := Open(s.options)
			if errors.Is(err, recovery.ErrForgetful) && name != "no index" {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer mustClose(t, again)
			if gets(t, again, item) {
				t.Error("what was forgotten is back")
			}
		})
	}
}

// TestBoundedAllRead reads everything: the oldest half of a segment is kept, the
// rest falls off, so that room is won.
func TestBoundedAllRead(t *testing.T) {
	if raced {
		return // see raced
	}
	s := mustOpen(t, boundedOptions(vfs.NewMem()))
	const puts = 2 * testBound / 5000
	held := 0
	for seed := range uint64(puts) {
		putBounded(t, s, boundedTorrent(seed))
		if seed%10 != 9 {
			continue
		}
		held = 0
		for before := range seed + 1 {
			if gets(t, s, boundedTorrent(before)) {
				held++
			}
		}
		if err := s.shrink(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if held < testBound/4/5000 || held > testBound/5000 {
		t.Errorf("%d torrents of about 5000 bytes are held in %d", held, testBound)
	}
}

// TestBoundTooSmall is refused at once, not when the first segment is full.
func TestBoundTooSmall(t *testing.T) {
	o := boundedOptions(vfs.NewMem())
	o.Bounded = 3 * o.SegmentSize
	if _, err := Open(o); err == nil {
		t.Error("a bound of three segments is taken")
	}
	o.SegmentSize = 0
	o.Bounded = 8 << 20
	mustOpen(t, o)
}

// TestBoundedRemoval removes: the bytes go when they are due, the word that they
// were removed when it falls off.
func TestBoundedRemoval(t *testing.T) {
	var mu sync.Mutex
	now := fixedClock()
	o := boundedOptions(vfs.NewMem())
	o.Clock = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	s := mustOpen(t, o)
	item, ahead := boundedTorrent(1), boundedTorrent(2).IDs.Primary()
	mustPut(t, s, item, store.Created)
	for _, id := range []infohash.ID{item.IDs.Primary(), ahead} {
		if err := storetest.Remove(t.Context(), s, id, store.Removal{}); err != nil {
			t.Fatal(err)
		}
	}
	for seed := range uint64(40) { // the segment is sealed
		mustPut(t, s, boundedTorrent(100+seed), store.Created)
	}
	mu.Lock()
	now = now.Add(13 * time.Hour)
	mu.Unlock()
	if err := s.shrink(t.Context()); err != nil {
		t.Fatal(err)
	}
	if onDiskAnywhere(t, o, item.Info()) {
		t.Error("removed bytes are on disk 13 hours later")
	}
	for _, id := range append(item.IDs.All(), ahead) {
		if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get = %v, want that it is forgotten with its segment", err)
		}
	}
	if stats, err := s.Stats(t.Context()); err != nil || stats.Removed != 0 {
		t.Errorf("Stats = %+v, %v", stats, err)
	}
}

// lacks fails unless every id of item gives the error want.
func lacks(t *testing.T, s *Store, want error, item store.Item) {
	t.Helper()
	for _, id := range item.IDs.All() {
		if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, want) {
			t.Errorf("Get = %v, want %v", err, want)
		}
	}
}
