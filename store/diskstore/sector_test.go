package diskstore

import (
	"errors"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
)

// badDisk is a file system on which the disk cannot read one sector of a file.
type badDisk struct {
	vfs.FS
	name   string
	sector int64 // its offset
}

const sectorSize = 4096

func (d *badDisk) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.Open(name, options...)
	return d.wrap(name, f), err
}

func (d *badDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, c, options...)
	return d.wrap(name, f), err
}

func (d *badDisk) wrap(name string, f vfs.File) vfs.File {
	if name != d.name || f == nil {
		return f
	}
	return &badFile{f, d.sector}
}

type badFile struct {
	vfs.File
	sector int64
}

func (f *badFile) ReadAt(b []byte, offset int64) (int, error) {
	if offset < f.sector+sectorSize && f.sector < offset+int64(len(b)) {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(b, offset)
}

// TestBadSector has the disk fail to read a sector that hides records: the store
// opens all the same, with its index or without it, serves the others, verifies,
// compacts, and what was lost heals.
func TestBadSector(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *Store) Options{
		"closed": func(t *testing.T, s *Store) Options { mustClose(t, s); return s.options },
		"index lost": func(t *testing.T, s *Store) Options {
			mustClose(t, s)
			if err := s.options.FS.RemoveAll(s.options.FS.PathJoin(s.options.Dir, indexDir)); err != nil {
				t.Fatal(err)
			}
			return s.options
		},
		"crash at rest": func(t *testing.T, s *Store) Options { s.noteSynced(); return afterCrash(s) },
		"crash":         func(t *testing.T, s *Store) Options { return afterCrash(s) },
	} {
		t.Run(name, func(t *testing.T) {
			s, items := oneGroup(t)
			at := s.where(t, items[1].IDs.Primary())
			sector := (at.offset + sectorSize - 1) / sectorSize * sectorSize // ends in a later record
			o := end(t, s)
			o.FS = &badDisk{o.FS, fileOf(o, at.segment), sector}
			s = mustOpen(t, o)
			served := 0
			for _, item := range items {
				place := s.placeOf(t, item)
				hidden := place.offset < sector+sectorSize && sector < place.offset+recordSize(int(place.length))
				_, err := s.Get(t.Context(), item.IDs.Primary())
				switch {
				case place.isZero() && errors.Is(err, store.ErrNotFound), hidden && errors.Is(err, store.ErrDamaged):
				case err == nil && !hidden:
					serves(t, s, item)
					served++
				default:
					t.Errorf("Get = %v of a torrent at %+v", err, place)
				}
			}
			if served < 3 {
				t.Errorf("%d of 5 are served, one sector hides 2", served)
			}
			if _, err := s.Verify(t.Context(), VerifyOptions{}); err != nil {
				t.Errorf("Verify: %v", err)
			}
			c := &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}
			if err := c.segment(t.Context(), at.segment); err != nil || s.segments.get(at.segment) != nil {
				t.Errorf("the segment was not compacted: %v", err)
			}
			for _, r := range s.Put(t.Context(), items) {
				if r.Err != nil {
					t.Error(r.Err)
				}
			}
			servesBut(t, reopened(t, s, true), items, -1, nil)
		})
	}
}

// placeOf returns where item stands, a zero place if nowhere.
func (s *Store) placeOf(t *testing.T, item store.Item) location {
	t.Helper()
	e, err := s.index.get(item.IDs.Primary())
	if err != nil {
		t.Fatal(err)
	}
	if e == nil {
		return location{}
	}
	return e.at
}
