package diskstore

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestVerify damages torrents in every way and has Verify find exactly those.
func TestVerify(t *testing.T) {
	var told []infohash.Set
	s, items := filled(t, 60)
	mustClose(t, s)
	s.options.OnDamage = func(ids infohash.Set) { told = append(told, ids) }
	s = mustOpen(t, s.options)
	var want []infohash.ID
	for i, offset := range map[int]int64{5: 0, 20: 50, 40: format.HeaderSize + 9, 59: format.HeaderSize} {
		at := s.where(t, items[i].IDs.Primary())
		flip(t, s.options.FS, fileOf(s.options, at.Segment), at.Offset+offset)
		want = append(want, items[i].IDs.Primary())
	}
	refused := items[30].IDs
	want = append(want, refused.Primary())
	var progress []VerifyProgress
	o := VerifyOptions{
		Check: func(got store.Torrent) error {
			if got.IDs == refused {
				return errors.New("another info hash")
			}
			return nil
		},
		Progress: func(p VerifyProgress) { progress = append(progress, p) },
	}
	for range 2 { // the second time they are known
		report, err := s.Verify(t.Context(), o)
		if err != nil || report.Checked != int64(len(items)) || report.Bytes == 0 {
			t.Errorf("Verify = %+v, %v", report, err)
		}
		if !sameIDs(report.Damaged, want) {
			t.Errorf("Verify found %v, want %v", report.Damaged, want)
		}
	}
	var reported []infohash.ID
	for _, p := range progress {
		reported = append(reported, p.Damaged...)
	}
	if len(reported) != 2*len(want) || progress[0].Total != int64(len(items)) {
		t.Errorf("progress told of %d damaged, want %d twice: %+v", len(reported), len(want), progress)
	}
	if len(told) != len(want) {
		t.Errorf("OnDamage was told of %v", told)
	}
	for _, item := range items {
		damaged := slices.Contains(want, item.IDs.Primary())
		if has, err := s.Has(t.Context(), item.IDs.All()); err != nil || has[0].Found() == damaged {
			t.Errorf("Has(%v) = %v, %v", item.IDs.Primary(), has, err)
		}
		if damaged {
			mustPut(t, s, item, store.Healed)
		}
	}
	if err := storetest.Remove(t.Context(), s, items[0].IDs.Primary(), store.Removal{}); err != nil {
		t.Fatal(err)
	}
	report, err := s.Verify(t.Context(), VerifyOptions{})
	if err != nil || len(report.Damaged) != 0 || report.Checked != int64(len(items))-1 {
		t.Errorf("Verify after healing all and removing one = %+v, %v", report, err)
	}
}

func sameIDs(a, b []infohash.ID) bool {
	if len(a) != len(b) {
		return false
	}
	for _, id := range a {
		if !slices.Contains(b, id) {
			return false
		}
	}
	return true
}

// TestDuplicateOfDamage puts a torrent again that was damaged and not read since:
// its uploader must not be told that it is cached.
func TestDuplicateOfDamage(t *testing.T) {
	s, items := filled(t, 3)
	at := s.where(t, items[1].IDs.Primary())
	flip(t, s.options.FS, fileOf(s.options, at.Segment), at.Offset+format.HeaderSize)
	results := s.Put(t.Context(), items)
	for i, want := range []store.Outcome{store.AlreadyCached, store.Healed, store.AlreadyCached} {
		if results[i].Err != nil || results[i].Outcome != want {
			t.Errorf("Put %d = %+v, want %d", i, results[i], want)
		}
	}
	serves(t, s, items[1])
}

// TestReindex refuses a folder without a store, and a store in use.
func TestReindex(t *testing.T) {
	if _, err := Reindex(onDisk(vfs.NewMem(), "/nothing")); err == nil {
		t.Error("Reindex of nothing succeeded")
	}
	s, items := filled(t, 10)
	if _, err := Reindex(s.options); !errors.Is(err, ErrLocked) {
		t.Errorf("Reindex of a store in use = %v", err)
	}
	serves(t, reopened(t, s, true), items[4])
}

// TestMaxStoreSize fills a store to its limit: it stays below, removals go on,
// and when space is won back so do puts.
func TestMaxStoreSize(t *testing.T) {
	o := onDisk(vfs.NewMem(), "/store")
	o.MaxStoreSize = 400_000
	s := mustOpen(t, o)
	var held []store.Item
	for seed := uint64(0); ; seed++ {
		r := s.Put(t.Context(), []store.Item{faultTorrent(seed)})[0]
		if errors.Is(r.Err, store.ErrFull) {
			break
		}
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		held = append(held, faultTorrent(seed))
	}
	stats, err := s.Stats(t.Context())
	if err != nil || stats.DiskUsed > o.MaxStoreSize || stats.Bytes < o.MaxStoreSize/2 {
		t.Errorf("full with %+v, %v", stats, err)
	}
	if err := s.Err(); err != nil {
		t.Errorf("Err of a full store = %v", err)
	}
	for _, item := range held[:8] {
		if err := storetest.Remove(t.Context(), s, item.IDs.Primary(), store.Removal{Erase: true}); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, s, faultTorrent(500), store.Created)
	for _, item := range held[8:] {
		serves(t, s, item)
	}
}

// TestErr tells a store that has to be opened again from one that works.
func TestErr(t *testing.T) {
	fs, broken := failing(errorfs.ErrInjected, func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileSyncData })
	s := mustOpen(t, onDisk(fs, "/store"))
	if err := s.Err(); err != nil {
		t.Errorf("Err = %v", err)
	}
	broken.Store(true)
	if err := s.Put(t.Context(), []store.Item{faultTorrent(0)})[0].Err; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Put = %v", err)
	}
	if err := s.Err(); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Err after a failed sync = %v", err)
	}
}

// TestLastAccess reads torrents on several days.
func TestLastAccess(t *testing.T) {
	now := fixedClock()
	o := onDisk(vfs.NewMem(), "/store")
	o.Clock = func() time.Time { return now }
	s := mustOpen(t, o)
	item := storetest.Torrent(storetest.Hybrid, 1, 300, 0)
	mustPut(t, s, item, store.Created)
	last := func(want time.Time) {
		t.Helper()
		s.noteAccesses()
		for _, id := range item.IDs.All() {
			if got, err := s.LastAccess(t.Context(), id); err != nil || !got.Equal(want) {
				t.Errorf("LastAccess = %v, %v; want %v", got, err, want)
			}
		}
	}
	last(time.Time{})
	for range 3 {
		serves(t, s, item)
		s.NoteRead(item.IDs)
		s.NoteRead(item.IDs)
		last(now.UTC().Truncate(24 * time.Hour))
		now = now.Add(25 * time.Hour)
	}
	today := now.Add(-25 * time.Hour).UTC().Truncate(24 * time.Hour)
	s = reopened(t, s, false)
	last(today)
	if _, err := s.LastAccess(t.Context(), faultTorrent(9).IDs.Primary()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("LastAccess of what is unknown = %v", err)
	}
}
