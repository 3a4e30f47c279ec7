package diskstore

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// filled is a store with n torrents in many segments.
func filled(t *testing.T, n uint64) (*Store, []store.Item) {
	t.Helper()
	s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
	var items []store.Item
	for seed := range n {
		items = append(items, storetest.Torrent(storetest.Shape(seed%3), seed, 2000+int(seed%7)*500, 0))
	}
	for i, r := range s.Put(t.Context(), items) {
		if r.Err != nil || r.Outcome != store.Created {
			t.Fatalf("Put %d = %+v", i, r)
		}
	}
	return s, items
}

// onDiskAnywhere reports whether any segment file contains b.
func onDiskAnywhere(t *testing.T, o Options, b []byte) bool {
	t.Helper()
	ids, err := log.List(o.FS, o.FS.PathJoin(o.Dir, files.SegmentsDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if bytes.Contains(readFile(t, o.FS, fileOf(o, id)), b) {
			return true
		}
	}
	return false
}

// segmentBytes returns the size of all segment files.
func segmentBytes(t *testing.T, o Options) (sum int64) {
	t.Helper()
	ids, err := log.List(o.FS, o.FS.PathJoin(o.Dir, files.SegmentsDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		sum += int64(len(readFile(t, o.FS, fileOf(o, id))))
	}
	return sum
}

// reopened closes s and opens it again, without its index if so.
func reopened(t *testing.T, s *Store, loseIndex bool) *Store {
	t.Helper()
	mustClose(t, s)
	if loseIndex {
		if _, err := Reindex(s.options); err != nil {
			t.Fatal(err)
		}
	}
	return mustOpen(t, s.options)
}

// TestCompact removes a tenth and compacts: the bytes are gone, and all else is
// as it was, now, after opening again, and with a new index.
func TestCompact(t *testing.T) {
	s, items := filled(t, 200)
	for i := 0; i < len(items); i += 10 {
		if err := storetest.Remove(t.Context(), s, items[i].IDs.Primary(), store.Removal{Reason: "tenth"}); err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if used := segmentBytes(t, s.options); float64(used) > 1.15*float64(before.Bytes)+64<<10 {
		t.Errorf("%d bytes of segments for %d of torrents", used, before.Bytes)
	}
	check := func(s *Store) {
		t.Helper()
		after, err := s.Stats(t.Context())
		if err != nil || after.Torrents != before.Torrents || after.Removed != before.Removed || after.Bytes != before.Bytes {
			t.Errorf("Stats = %+v, %v; before compaction %+v", after, err, before)
		}
		for i, item := range items {
			if i%10 != 0 {
				serves(t, s, item)
				continue
			}
			if onDiskAnywhere(t, s.options, item.Info()) {
				t.Errorf("torrent %d is still on disk", i)
			}
			var removed *store.RemovedError
			if _, err := s.Get(t.Context(), item.IDs.Primary(), nil); !errors.As(err, &removed) || removed.Removal.Reason != "tenth" {
				t.Errorf("Get of removed torrent %d = %v", i, err)
			}
		}
		accountsAreTrue(t, s)
	}
	check(s)
	s = reopened(t, s, false)
	check(s)
	s = reopened(t, s, true)
	check(s)
	// A torrent that is gone may be put again once restored.
	if err := storetest.Restore(t.Context(), s, items[0].IDs.Primary()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, items[0], store.Created)
	serves(t, reopened(t, s, true), items[0])
}

// accountsAreTrue compares the accounts with the entries. Meanwhile nothing may fall
// off or be compacted in the background.
func accountsAreTrue(t *testing.T, s *Store) {
	t.Helper()
	if err := s.takeTurn(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.endTurn()
	for _, id := range s.segments.IDs() {
		entries, err := s.index.PointingTo(func(at format.Place) bool { return at.Segment == id })
		if err != nil {
			t.Fatal(err)
		}
		var live, removed int64
		for _, e := range entries {
			if e.Removed {
				removed += format.RecordSize(int(e.At.Length))
			} else {
				live += format.RecordSize(int(e.At.Length))
			}
		}
		if a := s.index.Account(id); a.Removed != removed || a.Live < live {
			t.Errorf("segment %d: account %+v, the entries say %d live and %d removed", id, a, live, removed)
		}
	}
}

// TestCompactionMeetsReaders reads everything while everything moves.
func TestCompactionMeetsReaders(t *testing.T) {
	s, items := filled(t, 80)
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	var reads atomic.Int64
	for r := range 4 {
		readers.Go(func() {
			for i := r; ctx.Err() == nil; i++ {
				serves(t, s, items[i%len(items)])
				reads.Add(1)
			}
		})
	}
	for range 4 {
		for _, id := range s.segments.IDs() {
			c := &compaction{store: s}
			if err := c.segment(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop()
	readers.Wait()
	if reads.Load() == 0 {
		t.Error("nothing was read")
	}
	for _, item := range items {
		serves(t, s, item)
	}
}

// TestCompactionOfShortSegments leaves many short segments, as crashes do.
func TestCompactionOfShortSegments(t *testing.T) {
	t.Run("of one small torrent", func(t *testing.T) { compactShort(t, 1, 500, 3) })
	// Two of these segments do not fit into one, so each is only written again: once.
	t.Run("nearly half full", func(t *testing.T) { compactShort(t, 2, 15_000, 12) })
}

// compactShort leaves twelve segments of so many torrents of a size, and wants at most so many
// segments after compaction.
func compactShort(t *testing.T, torrents uint64, size, most int) {
	o := onDisk(vfs.NewMem(), "/store")
	var items []store.Item
	for segment := range uint64(12) {
		s := mustOpen(t, o)
		for i := range torrents {
			item := storetest.Torrent(storetest.V1, segment*torrents+i, size, 0)
			mustPut(t, s, item, store.Created)
			items = append(items, item)
		}
		mustClose(t, s)
		if _, err := Reindex(o); err != nil { // ends the segment
			t.Fatal(err)
		}
	}
	s := mustOpen(t, o)
	if n := len(s.segments.IDs()); n < 12 {
		t.Fatalf("%d segments, want many", n)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.segments.IDs()); n > most {
		t.Errorf("%d segments after compaction", n)
	}
	s = reopened(t, s, true)
	for _, item := range items {
		serves(t, s, item)
	}
}
