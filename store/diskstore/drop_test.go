package diskstore

import (
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// dropAll has everything grow old, and dropped.
func dropAll(t *testing.T, s *Store, clock *days, want int64) {
	t.Helper()
	clock.advance(testUnread + 48*time.Hour)
	if n, err := s.DropUnread(t.Context()); n != want || err != nil {
		t.Fatalf("DropUnread = %d, %v; want %d", n, err, want)
	}
}

// TestDropUnread drops torrents: they are unknown, not removed, and the feed says so; an upload
// brings them back.
func TestDropUnread(t *testing.T) {
	clock := newDays()
	s := mustOpen(t, retaining(vfs.NewMem(), clock))
	item := storetest.Torrent(storetest.Hybrid, 1, 300, 0)
	mustPut(t, s, item, store.Created)
	cursor, err := s.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fresh := storetest.Torrent(storetest.V1, 2, 300, 0)
	fresh.Rank = store.RankKeyed
	mustPut(t, s, fresh, store.Created)
	if n, err := s.DropUnread(t.Context()); n != 0 || err != nil || commit.DayOf(s.OldestUse()) != commit.DayOf(clock.now()) {
		t.Fatalf("DropUnread = %d, %v, the oldest use is of %v", n, err, s.OldestUse())
	}
	dropAll(t, s, clock, 1)
	at := clock.now().UTC()
	absent := func() {
		t.Helper()
		lacks(t, s, store.ErrNotFound, item)
		times, err := s.Dropped(t.Context(), item.IDs.All())
		if err != nil || len(times) != 3 || !times[0].Equal(at) || !times[1].Equal(at) || !times[2].Equal(at) {
			t.Errorf("Dropped = %v, %v; want %v", times, err, at)
		}
		changes, _, err := s.Changes(t.Context(), cursor, 10)
		if err != nil || len(changes) != 2 || changes[1].Kind != store.ChangeDropped || changes[1].IDs != item.IDs {
			t.Errorf("Changes = %+v, %v", changes, err)
		}
		if stats, err := s.Stats(t.Context()); err != nil || stats.Torrents != 1 {
			t.Errorf("Stats = %+v, %v", stats, err)
		}
	}
	absent()
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	absent()
	s = reopened(t, s, true)
	absent()
	clock.advance(testUnread)
	if times, err := s.Dropped(t.Context(), item.IDs.All()); err != nil || !times[0].IsZero() {
		t.Errorf("Dropped a period later = %v, %v", times, err)
	}
	mustPut(t, s, item, store.Created)
	serves(t, s, item)
	if times, err := s.Dropped(t.Context(), item.IDs.All()); err != nil || !times[0].IsZero() {
		t.Errorf("Dropped of what is there again = %v, %v", times, err)
	}
	serves(t, reopened(t, s, true), item)
}

// TestDropsFade drops everything again and again: in time nothing is left of it, neither in
// the index nor on disk, and an index that is built anew brings nothing back.
func TestDropsFade(t *testing.T) {
	if raced {
		return // see raced
	}
	clock := newDays()
	s := mustOpen(t, retaining(vfs.NewMem(), clock))
	const round = 400
	for n := range uint64(4) {
		for seed := range uint64(round) {
			mustPut(t, s, storetest.Torrent(storetest.Shape(seed%3), n%2*round+seed, 600, 0), store.Created)
		}
		dropAll(t, s, clock, round)
	}
	for range 3 {
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		s = reopened(t, s, true)
		if stats, err := s.Stats(t.Context()); err != nil || stats.Torrents != 0 {
			t.Errorf("Stats = %+v, %v", stats, err)
		}
		clock.advance(droppedStays + time.Hour)
	}
	// The last segment is not sealed, and it has the records that the others needed.
	mustPut(t, s, storetest.Torrent(storetest.V1, 9999, int(s.options.SegmentSize), 0), store.Created)
	for range 2 {
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	drops, reads := 0, 0
	for seed := range uint64(2 * round) {
		for _, id := range storetest.Torrent(storetest.Shape(seed%round%3), seed, 600, 0).IDs.All() {
			known, err := s.index.Dropped(id)
			day, failed := s.index.Access(id)
			if err != nil || failed != nil {
				t.Fatal(err, failed)
			}
			if known.Sequence != 0 {
				drops++
			}
			if day != 0 {
				reads++
			}
		}
	}
	if feed := len(feedOf(t, s)); feed > 10 || drops > 10 || reads > 10 {
		t.Errorf("the index has %d changes, %d drops and %d accesses", feed, drops, reads)
	}
	if n := segmentBytes(t, s.options); n > 3*s.options.SegmentSize {
		t.Errorf("the segments have %d bytes", n)
	}
}

// TestRemovalOfDropped removes a dropped torrent before compaction comes to it, also
// one that came again since: no byte stays.
func TestRemovalOfDropped(t *testing.T) {
	for _, again := range []bool{false, true} {
		clock := newDays()
		s := mustOpen(t, retaining(vfs.NewMem(), clock))
		item := storetest.Torrent(storetest.V1, 1, 300, 0)
		item.Rank = store.RankFetched
		mustPut(t, s, item, store.Created)
		// So little is dropped that the segment is not worth compacting.
		for seed := range uint64(100) {
			other := storetest.Torrent(storetest.V1, 10+seed, 2000, 0)
			other.Rank = store.RankKeyed
			mustPut(t, s, other, store.Created)
		}
		dropAll(t, s, clock, 1)
		if again {
			mustPut(t, s, item, store.Created)
		}
		s = reopened(t, s, again)
		if !onDiskAnywhere(t, s.options, item.Info()) {
			t.Fatal("the bytes are gone already")
		}
		if err := storetest.Remove(t.Context(), s, item.IDs.V1, store.Removal{Erase: true}); err != nil {
			t.Fatal(err)
		}
		if onDiskAnywhere(t, s.options, item.Info()) {
			t.Errorf("put again %v: the bytes are still on disk", again)
		}
	}
}

// TestUploadsRaceDrops uploads torrents that are being dropped: those answered as cached are there.
func TestUploadsRaceDrops(t *testing.T) {
	clock := newDays()
	s := mustOpen(t, retaining(vfs.NewMem(), clock))
	var items []store.Item
	for seed := range uint64(300) {
		items = append(items, storetest.Torrent(storetest.V1, seed, 300, 0))
	}
	for _, item := range items {
		mustPut(t, s, item, store.Created)
	}
	for range rounds(10) {
		clock.advance(testUnread + 48*time.Hour)
		var uploads sync.WaitGroup
		for worker := range 4 {
			uploads.Go(func() {
				for i := worker; i < len(items); i += 4 {
					if r := s.Put(t.Context(), items[i:i+1])[0]; r.Err != nil {
						t.Errorf("Put = %v", r.Err)
					}
					serves(t, s, items[i])
				}
			})
		}
		for range 3 {
			if _, err := s.DropUnread(t.Context()); err != nil {
				t.Error(err)
			}
			s.noteAccesses()
		}
		uploads.Wait()
		for _, item := range items {
			serves(t, s, item)
		}
	}
}

// TestAccessesOverflow notes more reads than there is memory for, while the index cannot be
// written: all counts as read that day then, until the store is opened again and after it.
func TestAccessesOverflow(t *testing.T) {
	if raced {
		return // see raced
	}
	clock := newDays()
	o := retaining(vfs.NewMem(), clock)
	s := mustOpen(t, o)
	item := storetest.Torrent(storetest.V1, 1, 300, 0)
	mustPut(t, s, item, store.Created)
	clock.advance(testUnread + 48*time.Hour)
	s.noting.Lock()
	for n := range uint64(commit.MaxAccesses + 10) {
		var id [infohash.SizeV1]byte
		binary.LittleEndian.PutUint64(id[:], n*7919)
		s.accesses.Note(infohash.Set{V1: infohash.V1(id)}, clock.now())
	}
	s.noting.Unlock()
	if n, err := s.DropUnread(t.Context()); n != 0 || err != nil {
		t.Errorf("DropUnread = %d, %v though nobody knows what was read", n, err)
	}
	clock.advance(testUnread - 24*time.Hour)
	s = reopened(t, s, false)
	if n, err := s.DropUnread(t.Context()); n != 0 || err != nil {
		t.Errorf("DropUnread = %d, %v after opening again", n, err)
	}
	dropAll(t, s, clock, 1)
}

// TestAccessesWait has the writing of accesses fail: they are written later.
func TestAccessesWait(t *testing.T) {
	clock := newDays()
	s := mustOpen(t, retaining(vfs.NewMem(), clock))
	item := storetest.Torrent(storetest.V1, 1, 300, 0)
	mustPut(t, s, item, store.Created)
	clock.advance(testUnread)
	s.NoteRead(item.IDs)
	days, floor := s.accesses.Begin()
	if len(days) != 1 || s.accesses.Last(item.IDs.V1) != commit.DayOf(clock.now()) {
		t.Errorf("%d accesses are written", len(days))
	}
	s.accesses.End(floor, false)
	clock.advance(48 * time.Hour)
	if n, err := s.DropUnread(t.Context()); n != 0 || err != nil {
		t.Errorf("DropUnread = %d, %v", n, err)
	}
	if !s.noteAccesses() || s.noteAccesses() {
		t.Error("they are not written once")
	}
	if at, err := s.LastAccess(t.Context(), item.IDs.V1); err != nil || commit.DayOf(at) != commit.DayOf(clock.now())-2 {
		t.Errorf("LastAccess = %v, %v", at, err)
	}
}

// TestRetentionRefused opens stores with options that cannot be.
func TestRetentionRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"too short":         {DropUnreadAfter: MinUnread - time.Hour},
		"evicts for ever":   {Evict: true},
		"evicts from small": {Evict: true, MaxStoreSize: MinEvict - 1},
		"bounded":           {Bounded: testBound, DropUnreadAfter: MinUnread},
	} {
		fs := vfs.NewMem()
		base := onDisk(fs, "/store")
		o.Dir, o.FS, o.Logger, o.SegmentSize = base.Dir, fs, base.Logger, testBound/16
		if s, err := Open(o); err == nil {
			t.Errorf("%s: it is opened", name)
			mustClose(t, s)
		} else if errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
