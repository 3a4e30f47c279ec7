//go:build linux

package diskstore

import (
	"os"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestReservationGivenBack fills segments on the real disk, and ends one as a crash
// would: the space that was reserved in them and not used does not stay taken.
func TestReservationGivenBack(t *testing.T) {
	o := onDisk(vfs.Default, t.TempDir())
	o.SegmentSize = commit.ReserveStep
	s := mustOpen(t, o)
	put := func(seed uint64) {
		mustPut(t, s, storetest.Torrent(storetest.V1, seed, commit.ReserveStep/3, 0), store.Created)
	}
	for seed := range uint64(6) { // two in each segment, and a third of it left
		put(seed)
	}
	for id := range uint64(2) {
		checkReserved(t, s, id+1, 0)
	}
	checkReserved(t, s, 3, commit.ReserveStep/4)
	mustClose(t, s)
	if err := os.RemoveAll(o.FS.PathJoin(o.Dir, files.IndexDir)); err != nil { // the end is then unclean
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	put(100)
	checkReserved(t, s, 3, 0)
	for seed := range uint64(6) {
		serves(t, s, storetest.Torrent(storetest.V1, seed, commit.ReserveStep/3, 0))
	}
}

// checkReserved fails unless at least so many bytes are reserved behind the end
// of a segment; with 0, unless none are, but for the rest of a block.
func checkReserved(t *testing.T, s *Store, id uint64, least int64) {
	t.Helper()
	info, err := os.Stat(fileOf(s.options, id))
	if err != nil {
		t.Fatal(err)
	}
	reserved := info.Sys().(*syscall.Stat_t).Blocks*512 - info.Size()
	if reserved < least || least == 0 && reserved > 64<<10 {
		t.Errorf("segment %d: %d bytes are reserved behind its end, want %d", id, reserved, least)
	}
}
