package diskstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
)

// A store says how much room it has, and that it refuses puts before one has come.
func TestRoom(t *testing.T) {
	fs := vfs.NewMem()
	o := onDisk(fs, "/store")
	o.MinFreeSpace = 1 << 20
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1000, TotalBytes: 1 << 30})
	s := mustOpen(t, o)
	wantRoom := func(what string, least, most int64, refusing bool) {
		t.Helper()
		room, known := s.Room()
		err := s.Refusing()
		if !known || room < least || room > most || (err != nil) != refusing || err != nil && !errors.Is(err, store.ErrFull) {
			t.Errorf("%s: room for %d, known %t, refusing %v; want %d to %d, refusing %t", what, room, known, err, least, most, refusing)
		}
	}
	wantRoom("opened on a full disk", 0, 0, true)
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1<<20 + 10<<20, TotalBytes: 1 << 30})
	wantRoom("space is back", 10<<20, 10<<20, false)
	mustPut(t, s, faultTorrent(1), store.Created)
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 5, TotalBytes: 1 << 30})
	wantRoom("what is reserved is left", 1, leastRoom, true)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, known := s.Room(); known {
		t.Error("a closed store knows its room")
	}
}

func TestRoomUnderABound(t *testing.T) {
	fs := vfs.NewMem()
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 41})
	o := onDisk(fs, "/store")
	o.MaxStoreSize = 4 << 20
	s := mustOpen(t, o)
	if room, known := s.Room(); !known || room < 3<<20 || room > 4<<20 || s.Refusing() != nil {
		t.Errorf("an empty store of 4 MiB has room for %d, %t, %v", room, known, s.Refusing())
	}
	var err error
	for seed := uint64(1); err == nil && seed < 1000; seed++ {
		err = s.Put(t.Context(), []store.Item{faultTorrent(seed)})[0].Err
	}
	if !errors.Is(err, store.ErrFull) || s.Refusing() == nil || !strings.Contains(s.Refusing().Error(), "room for") {
		t.Errorf("full with %v, and then refuses %v", err, s.Refusing())
	}
}
