package diskstore

import (
	"errors"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestErase removes with Erase: no byte of any version is on disk afterwards,
// the active segment and copies that compaction made included.
func TestErase(t *testing.T) {
	s, items := filled(t, 60)
	item := items[7]
	for outer := range 3 { // versions of it in several segments
		next := storetest.Torrent(storetest.Shape(7%3), 7, 2000, outer+1)
		next.Replaces = store.VersionOf(item.Torrent)
		mustPut(t, s, next, store.Replaced)
		item = next
		mustPut(t, s, storetest.Torrent(storetest.V1, 1000+uint64(outer), 60_000, 0), store.Created)
	}
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	if err := c.segment(t.Context(), s.where(t, items[7].IDs.Primary()).Segment); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also when it is gone already
		if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{Erase: true}); err != nil {
			t.Fatal(err)
		}
		if onDiskAnywhere(t, s.options, items[7].Info()) {
			t.Error("the bytes are still on disk")
		}
	}
	for _, other := range append(items[:7:7], items[8:]...) {
		serves(t, s, other)
	}
	accountsAreTrue(t, s)
}

// TestCompactionKeepsDamageKnown compacts a segment with damage: the lost torrent stays
// known to be damaged, with a new index too, and heals.
func TestCompactionKeepsDamageKnown(t *testing.T) {
	for name, offset := range map[string]int64{"body": format.HeaderSize + 3, "header": 40, "magic": 0} {
		t.Run(name, func(t *testing.T) {
			told := map[infohash.Set]int{}
			s, items := filled(t, 30)
			mustClose(t, s)
			s.options.OnDamage = func(ids infohash.Set) { told[ids]++ }
			s = mustOpen(t, s.options)
			at := s.where(t, items[3].IDs.Primary())
			flip(t, s.options.FS, fileOf(s.options, at.Segment), at.Offset+offset)
			flip(t, s.options.FS, fileOf(s.options, at.Segment), at.Offset+offset+1) // one bit of a header is mended
			c := &compaction{store: s}
			if err := c.segment(t.Context(), at.Segment); err != nil {
				t.Fatal(err)
			}
			if s.segments.Get(at.Segment) != nil {
				t.Error("the segment is still there")
			}
			for _, loseIndex := range []bool{false, true} {
				for i, item := range items {
					if i != 3 {
						serves(t, s, item)
					} else if _, err := s.Get(t.Context(), item.IDs.Primary(), nil); !errors.Is(err, store.ErrDamaged) {
						t.Errorf("Get of what is damaged = %v", err)
					}
				}
				s = reopened(t, s, loseIndex)
			}
			if len(told) != 1 || told[items[3].IDs] != 1 {
				t.Errorf("OnDamage was told %v", told)
			}
			mustPut(t, s, items[3], store.Healed)
			serves(t, reopened(t, s, true), items[3])
		})
	}
}

// TestCompactionMends compacts a segment in which a bit of a header is flipped, of
// a torrent and of a removal: the next segment has them as they were.
func TestCompactionMends(t *testing.T) {
	s, items := filled(t, 5)
	begin := s.committer.Stats()
	if err := storetest.Remove(t.Context(), s, items[1].IDs.Primary(), store.Removal{Reason: "flipped"}); err != nil {
		t.Fatal(err)
	}
	at := s.where(t, items[3].IDs.Primary())
	flip(t, s.options.FS, fileOf(s.options, at.Segment), at.Offset+40)
	flip(t, s.options.FS, fileOf(s.options, begin.Segment), begin.Offset+70)
	for _, id := range s.segments.IDs() {
		c := &compaction{store: s, now: s.options.Clock().Unix()}
		if err := c.segment(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for _, loseIndex := range []bool{false, true} {
		s = reopened(t, s, loseIndex)
		for i, item := range items {
			if i != 1 {
				serves(t, s, item)
			}
		}
		var removed *store.RemovedError
		if _, err := s.Get(t.Context(), items[1].IDs.Primary(), nil); !errors.As(err, &removed) || removed.Removal.Reason != "flipped" {
			t.Errorf("Get of what was removed = %v", err)
		}
	}
}

// TestRemovalsOutliveCompaction restores and removes, and compacts everything again and
// again: the last change of each torrent holds.
func TestRemovalsOutliveCompaction(t *testing.T) {
	s, items := filled(t, 12)
	compactAll := func() {
		t.Helper()
		for _, id := range s.segments.IDs() {
			c := &compaction{store: s, now: s.options.Clock().Unix()}
			if err := c.segment(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	id := func(i int) infohash.ID { return items[i].IDs.Primary() }
	steps := []func() error{
		func() error { return storetest.Remove(t.Context(), s, id(1), store.Removal{}) },
		func() error { return storetest.Remove(t.Context(), s, id(2), store.Removal{Erase: true}) },
		func() error { return storetest.Remove(t.Context(), s, id(3), store.Removal{}) },
		func() error { return storetest.Restore(t.Context(), s, id(3)) },
		func() error { return storetest.Restore(t.Context(), s, id(2)) },
		func() error { return storetest.Restore(t.Context(), s, id(1)) },
		func() error { return storetest.Remove(t.Context(), s, id(3), store.Removal{}) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatal(i, err)
		}
		compactAll()
		s = reopened(t, s, i%2 == 0)
		compactAll()
	}
	s = reopened(t, s, true)
	serves(t, s, items[1])
	for i, want := range map[int]error{2: store.ErrNotFound, 3: store.ErrRemoved} {
		if _, err := s.Get(t.Context(), id(i), nil); !errors.Is(err, want) {
			t.Errorf("Get(%d) = %v, want %v", i, err, want)
		}
	}
	changes, _, err := s.Changes(t.Context(), store.Cursor{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	last := map[infohash.Set]store.ChangeKind{}
	for _, c := range changes {
		last[c.IDs] = c.Kind
	}
	for i, want := range map[int]store.ChangeKind{0: store.ChangeAdded, 1: store.ChangeRestored, 2: store.ChangeRestored, 3: store.ChangeRemoved} {
		if last[items[i].IDs] != want {
			t.Errorf("the last change of torrent %d is %d, want %d", i, last[items[i].IDs], want)
		}
	}
}
