package diskstore

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// TestReindexUnreadable builds an index where the disk cannot read a sector: it fails, and
// the index before stays in use.
func TestReindexUnreadable(t *testing.T) {
	s, disk, items := onBadDisk(t)
	sector := s.where(t, items[2].IDs.Primary()).Offset &^ (sectorSize - 1)
	mustClose(t, s)
	disk.begin(noSector(sector))
	if _, err := Reindex(s.options); !errors.Is(err, files.ErrUnreadable) {
		t.Errorf("Reindex = %v", err)
	}
	s = mustOpen(t, s.options)
	serves(t, s, items[4])
	removalsHold(t, s, items[5:])
	disk.end()
	isWhole(t, reopened(t, s, true), items)
}

// TestReindexCrash ends while another index is made: the one before is used.
func TestReindexCrash(t *testing.T) {
	s, _, items := onBadDisk(t)
	mustClose(t, s)
	o := s.options
	if err := index.SetAside(o.FS, o.Dir); err != nil {
		t.Fatal(err)
	}
	// The new index that was begun has nothing that Pebble knows.
	for _, dir := range []string{files.IndexDir, files.IndexDir + "/half"} {
		if err := o.FS.MkdirAll(o.FS.PathJoin(o.Dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	isWhole(t, mustOpen(t, o), items)
	if there, err := files.Exists(o.FS, o.FS.PathJoin(o.Dir, files.OldIndexDir)); there || err != nil {
		t.Errorf("the index that was put aside is still there, %v", err)
	}
}

// TestReindexFull builds an index on a full disk when a segment is missing: it fails,
// since the old index's entries for that segment could not be saved.
func TestReindexFull(t *testing.T) {
	o, items := threeSegments(t)
	if err := o.FS.Remove(fileOf(o, 2)); err != nil {
		t.Fatal(err)
	}
	whole := o.FS
	o.FS = errorfs.Wrap(whole, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, format.SegmentSuffix) && (op.Kind == errorfs.OpFilePreallocate || op.Kind == errorfs.OpFileWriteAt) {
			return syscall.ENOSPC
		}
		return nil
	}))
	if got, err := Reindex(o); !errors.Is(err, store.ErrFull) {
		t.Errorf("Reindex = %+v, %v", got, err)
	}
	o.FS = whole
	isDamagedIn(t, mustOpen(t, o), items, 1)
}

// TestReindexValues builds an index when the segment is missing that held a named value alone.
func TestReindexValues(t *testing.T) {
	o := onDisk(vfs.NewMem(), "/store")
	s := mustOpen(t, o)
	if err := s.SetValue(t.Context(), "cursor", []byte("17")); err != nil {
		t.Fatal(err)
	}
	seal(t, s)
	mustPut(t, s, faultTorrent(1), store.Created)
	mustClose(t, s)
	if err := o.FS.Remove(fileOf(o, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := Reindex(o); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	if value, err := s.Value(t.Context(), "cursor"); string(value) != "17" || err != nil {
		t.Errorf("Value = %q, %v", value, err)
	}
	if err := s.SetValue(t.Context(), commit.RetiredName, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("SetValue of what is the store's own = %v", err)
	}
}
