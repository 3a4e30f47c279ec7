package diskstore

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestCompactionWaits shows when the background compacts: removed bytes stay half a
// day, and are gone after.
func TestCompactionWaits(t *testing.T) {
	var hours atomic.Int64
	o := onDisk(vfs.NewMem(), "/store")
	o.Clock = func() time.Time { return fixedClock().Add(time.Duration(hours.Load()) * time.Hour) }
	s := mustOpen(t, o)
	item, other := faultTorrent(1), faultTorrent(2)
	mustPut(t, s, item, store.Created)
	mustPut(t, s, other, store.Created)
	if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{}); err != nil {
		t.Fatal(err)
	}
	background := func() {
		t.Helper()
		c := &compaction{store: s, now: o.Clock().Unix(), pace: wait.NewPace(1 << 40)}
		if err := s.compact(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	hours.Store(11)
	background()
	if !onDiskAnywhere(t, s.options, item.Info()) {
		t.Error("removed bytes were gone after 11 hours")
	}
	// Removing again, as scripts do, does not put it off.
	if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{Reason: "again"}); err != nil {
		t.Fatal(err)
	}
	hours.Store(13)
	background()
	if onDiskAnywhere(t, s.options, item.Info()) {
		t.Error("removed bytes were there after 13 hours")
	}
	serves(t, s, other)
}

// TestDueSurvivesRestarts removes, and starts anew every hour, by turns after
// closing, a crash, and the loss of the index: the bytes go when they would have.
func TestDueSurvivesRestarts(t *testing.T) {
	var hours time.Duration
	o := onDisk(vfs.NewCrashableMem(), "/store")
	o.Clock = func() time.Time { return fixedClock().Add(hours * time.Hour) }
	s := mustOpen(t, o)
	item := faultTorrent(0)
	mustPut(t, s, item, store.Created)
	if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{}); err != nil {
		t.Fatal(err)
	}
	for ; hours <= 13; hours++ {
		mustPut(t, s, faultTorrent(1+uint64(hours)), store.Created)
		if err := s.compact(t.Context(), &compaction{store: s}); err != nil {
			t.Fatal(err)
		}
		if there := onDiskAnywhere(t, s.options, item.Info()); there != (hours < 12) {
			t.Errorf("after %d hours the removed bytes are on disk: %v", hours, there)
		}
		if hours%3 == 1 {
			s = mustOpen(t, afterCrash(s))
		} else {
			s = reopened(t, s, hours%3 == 0)
		}
	}
}

// TestKeptRemovals removes with Keep: the bytes stay for a week, with the same index or
// a new one, and can be had back; an operator's own removal does not wait so long.
func TestKeptRemovals(t *testing.T) {
	var hours time.Duration
	o := onDisk(vfs.NewCrashableMem(), "/store")
	o.Clock = func() time.Time { return fixedClock().Add(hours * time.Hour) }
	s := mustOpen(t, o)
	kept, back, decided := faultTorrent(0), faultTorrent(1), faultTorrent(2)
	for _, item := range []store.Item{kept, back, decided, faultTorrent(3)} {
		mustPut(t, s, item, store.Created)
	}
	remove := func(item store.Item, removal store.Removal) {
		t.Helper()
		if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), removal); err != nil {
			t.Fatal(err)
		}
	}
	for _, item := range []store.Item{kept, back, decided} {
		remove(item, store.Removal{Keep: true})
	}
	remove(decided, store.Removal{})
	for step, want := range []struct {
		hours         time.Duration
		kept, decided bool
	}{{1, true, true}, {13, true, false}, {6 * 24, true, false}, {7*24 + 1, false, false}} {
		hours = want.hours
		s = reopened(t, s, step%2 == 1)
		if err := s.compact(t.Context(), &compaction{store: s}); err != nil {
			t.Fatal(err)
		}
		if there := onDiskAnywhere(t, s.options, kept.Info()); there != want.kept {
			t.Errorf("after %d hours the kept bytes are on disk: %v", hours, there)
		}
		if there := onDiskAnywhere(t, s.options, decided.Info()); there != want.decided {
			t.Errorf("after %d hours the bytes that an operator removed are on disk: %v", hours, there)
		}
		if step == 2 {
			if err := storetest.Restore(t.Context(), s, back.IDs.Primary()); err != nil {
				t.Fatal(err)
			}
			serves(t, s, back)
		}
	}
	serves(t, s, back)
}

// TestDroppedStaysDropped compacts removed bytes away and cuts the power: the index
// does not lead to where they were, so that the torrent may be put again once restored.
func TestDroppedStaysDropped(t *testing.T) {
	s := mustOpen(t, onDisk(vfs.NewCrashableMem(), "/store"))
	item := faultTorrent(0)
	mustPut(t, s, item, store.Created)
	for seed := uint64(1); s.committer.Stats().Segment == 1; seed++ {
		mustPut(t, s, faultTorrent(seed), store.Created)
	}
	if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{}); err != nil {
		t.Fatal(err)
	}
	if err := s.index.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := &compaction{store: s, now: s.options.Clock().Add(13 * time.Hour).Unix()}
	if err := c.segment(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, afterCrash(s))
	if err := storetest.Restore(t.Context(), s, item.IDs.Primary()); err != nil {
		t.Fatal(err)
	}
	lacks(t, s, store.ErrNotFound, item)
	mustPut(t, s, item, store.Created)
	serves(t, s, item)
}

// TestDueGoesFirst removes torrents in segments of which one is nearly all waste: segments with due
// bytes go before it, the longest due first, and late ones at no one's pace.
func TestDueGoesFirst(t *testing.T) {
	s, items := filled(t, 200)
	var hours time.Duration
	s.options.Clock = func() time.Time { return fixedClock().Add(hours * time.Hour) }
	s = reopened(t, s, false)
	place := func(i int) uint64 { return s.where(t, items[i].IDs.Primary()).Segment }
	wasteful, second, first := place(60), place(100), place(190)
	for i, item := range items {
		if place(i) == wasteful { // all is replaced
			item = storetest.Torrent(storetest.Shape(uint64(i)%3), uint64(i), 2000+i%7*500, 1)
			item.Replaces = store.VersionOf(items[i].Torrent)
			mustPut(t, s, item, store.Replaced)
			items[i] = item
		}
	}
	for _, i := range []int{190, 100} {
		if err := storetest.Remove(t.Context(), s, items[i].IDs.Primary(), store.Removal{}); err != nil {
			t.Fatal(err)
		}
		hours++
	}
	hours += 12
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	tried := map[uint64]bool{}
	for _, want := range []uint64{first, second, wasteful} {
		id, found := c.pick(tried)
		if !found || id != want {
			t.Errorf("picked segment %d, %v; want %d", id, found, want)
		}
		tried[want] = true
	}
	hours += 6
	late := &compaction{store: s, now: s.options.Clock().Unix(), pace: wait.NewPace(1)} // a byte a second
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := late.inTime(first).segment(ctx, first); err != nil {
		t.Error(err)
	}
	if onDiskAnywhere(t, s.options, items[190].Info()) {
		t.Error("bytes that are late are still on disk")
	}
	if late.inTime(wasteful) != late {
		t.Error("what nobody removed is compacted without its pace")
	}
}
