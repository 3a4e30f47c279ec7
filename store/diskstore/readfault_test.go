package diskstore

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// readFault returns the result of a read of n bytes at an offset: how many, and which
// error. Less than zero bytes says that the read is not to fail.
type readFault func(offset int64, n int) (int, error)

// noSector fails the reads that touch a sector.
func noSector(sector int64) readFault {
	return func(offset int64, n int) (int, error) {
		if offset < sector+sectorSize && sector < offset+int64(n) {
			return 0, syscall.EIO
		}
		return -1, nil
	}
}

const sectorSize = 4096

// readFaults are the ways in which a read fails without anything being wrong with the
// bytes.
var readFaults = map[string]readFault{
	"EIO":                 func(int64, int) (int, error) { return 0, syscall.EIO },
	"EIO after a part":    func(_ int64, n int) (int, error) { return min(n/2, 64), syscall.EIO },
	"nothing, no error":   func(int64, int) (int, error) { return 0, nil },
	"an end that is none": func(int64, int) (int, error) { return 0, io.EOF },
}

// badDisk is a file system on which reads of segments fail as long as there is a fault.
type badDisk struct {
	vfs.FS
	fault atomic.Pointer[readFault]
}

func (d *badDisk) begin(fault readFault) { d.fault.Store(&fault) }
func (d *badDisk) end()                  { d.fault.Store(nil) }

func (d *badDisk) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.Open(name, options...)
	return d.wrap(name, f), err
}

func (d *badDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, c, options...)
	return d.wrap(name, f), err
}

func (d *badDisk) wrap(name string, f vfs.File) vfs.File {
	if f == nil || !strings.HasSuffix(name, format.SegmentSuffix) {
		return f
	}
	return &badFile{f, d}
}

type badFile struct {
	vfs.File
	disk *badDisk
}

func (f *badFile) ReadAt(b []byte, offset int64) (int, error) {
	if fault := f.disk.fault.Load(); fault != nil {
		if n, err := (*fault)(offset, len(b)); n >= 0 {
			n, readErr := f.File.ReadAt(b[:n], offset)
			return n, errors.Join(err, readErr)
		}
	}
	return f.File.ReadAt(b, offset)
}

// onBadDisk returns a store with a few torrents in one segment, the last of them removed,
// and its disk.
func onBadDisk(t *testing.T) (*Store, *badDisk, []store.Item) {
	t.Helper()
	disk := &badDisk{FS: vfs.NewMem()}
	s := mustOpen(t, onDisk(disk, "/store"))
	var items []store.Item
	for seed := range uint64(6) {
		items = append(items, storetest.Torrent(storetest.Shape(seed%3), seed, 3000, 0))
		mustPut(t, s, items[seed], store.Created)
	}
	if err := storetest.Remove(t.Context(), s, items[5].IDs.Primary(), store.Removal{Reason: "gone"}); err != nil {
		t.Fatal(err)
	}
	return s, disk, items
}

// isWhole fails unless the first five torrents of onBadDisk are served and marked
// nowhere, and the last is removed.
func isWhole(t *testing.T, s *Store, items []store.Item) {
	t.Helper()
	for _, item := range items[:5] {
		serves(t, s, item)
		has, err := s.Has(t.Context(), item.IDs.All())
		if err != nil || !has[0].Found() {
			t.Errorf("Has = %v, %v", has, err)
		}
	}
	if _, err := s.Get(t.Context(), items[5].IDs.Primary(), nil); !errors.Is(err, store.ErrRemoved) {
		t.Errorf("Get of what was removed = %v", err)
	}
	r, err := s.Verify(t.Context(), VerifyOptions{})
	if err != nil || len(r.Damaged) != 0 || len(r.Unreadable) != 0 || r.Cleared != 0 || r.Checked != 5 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
	accountsAreTrue(t, s)
}

// TestFailedReads has every read of the segments fail for a while, each way in turn,
// while the store is asked for all it can do: nothing is marked, nothing given up.
func TestFailedReads(t *testing.T) {
	for name, fault := range readFaults {
		t.Run(name, func(t *testing.T) {
			s, disk, items := onBadDisk(t)
			disk.begin(fault)
			for _, item := range items[:5] {
				for range 2 {
					if got, err := s.Get(t.Context(), item.IDs.Primary(), nil); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrDamaged) {
						t.Errorf("Get = %d bytes, %v", len(got.Bytes), err)
					}
				}
			}
			if err := s.Compact(t.Context()); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Compact = %v", err)
			}
			r, err := s.Verify(t.Context(), VerifyOptions{})
			if err != nil || len(r.Damaged) != 0 || len(r.Unreadable) != 5 {
				t.Errorf("Verify = %+v, %v", r, err)
			}
			if err := s.Backup(t.Context(), "/backup", nil); err == nil {
				t.Error("a backup of what cannot be read succeeded")
			}
			disk.end()
			isWhole(t, s, items)
			s = reopened(t, s, false)
			isWhole(t, s, items)
			isWhole(t, reopened(t, s, true), items)
		})
	}
}

// TestReadInParts has every read give half of the bytes that it could.
func TestReadInParts(t *testing.T) {
	s, disk, items := onBadDisk(t)
	disk.begin(func(_ int64, n int) (int, error) { return (n + 1) / 2, nil })
	isWhole(t, s, items)
	isWhole(t, reopened(t, s, true), items)
}

// TestUploadOfUnreadable puts torrents again while their bytes cannot be read: they are
// stored anew, and nothing else is lost.
func TestUploadOfUnreadable(t *testing.T) {
	s, disk, items := onBadDisk(t)
	at := s.where(t, items[1].IDs.Primary())
	disk.begin(func(offset int64, n int) (int, error) {
		if offset < at.Offset+format.RecordSize(int(at.Length)) && at.Offset < offset+int64(n) {
			return 0, syscall.EIO
		}
		return -1, nil
	})
	mustPut(t, s, items[1], store.Healed)
	serves(t, s, items[1])
	mustPut(t, s, items[1], store.AlreadyCached)
	isWhole(t, s, items)
	disk.end()
	isWhole(t, reopened(t, s, true), items)
}

// TestEraseBesideUnreadable erases a torrent while its neighbour cannot be read: the
// segment stays, the removal holds, and the erasing succeeds when the disk reads again.
func TestEraseBesideUnreadable(t *testing.T) {
	s, disk, items := onBadDisk(t)
	mustPut(t, s, storetest.Torrent(storetest.V1, 90, 3000, 0), store.Created)
	at, victim := s.where(t, items[1].IDs.Primary()), s.where(t, items[2].IDs.Primary())
	disk.begin(noSector(at.Offset))
	id := items[2].IDs.Primary()
	if err := storetest.Remove(t.Context(), s, id, store.Removal{Reason: "erase", Erase: true}); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNotErased) {
		t.Errorf("Remove = %v", err)
	}
	if s.segments.Get(victim.Segment) == nil {
		t.Fatal("a segment that cannot be read is gone")
	}
	for range 2 {
		if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrRemoved) {
			t.Errorf("Get = %v", err)
		}
		disk.end()
		s = reopened(t, s, true)
	}
	serves(t, s, items[1])
	if err := storetest.Remove(t.Context(), s, id, store.Removal{Reason: "erase", Erase: true}); err != nil {
		t.Error(err)
	}
	if s.segments.Get(victim.Segment) != nil {
		t.Error("the segment is still there")
	}
	serves(t, reopened(t, s, true), items[1])
}

// TestCompactionThatComesAgain compacts a segment with words before a sector that
// cannot be read, many times: the words are moved once.
func TestCompactionThatComesAgain(t *testing.T) {
	if raced {
		return // see raced
	}
	disk := &badDisk{FS: vfs.NewMem()}
	o := onDisk(disk, "/store")
	o.SegmentSize = 16 << 20
	s := mustOpen(t, o)
	for n := range uint64(1500) { // more than are moved at a time
		id := storetest.Torrent(storetest.V1, 1000+n, 100, 0).IDs.Primary()
		if err := storetest.Remove(t.Context(), s, id, store.Removal{Reason: strings.Repeat("r", 900)}); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, s, faultTorrent(0), store.Created)
	mustPut(t, s, faultTorrent(1), store.Created)
	at := s.where(t, faultTorrent(0).IDs.Primary())
	seal(t, s)
	if err := storetest.Remove(t.Context(), s, faultTorrent(1).IDs.Primary(), store.Removal{}); err != nil {
		t.Fatal(err)
	}
	disk.begin(noSector((at.Offset + 6000) &^ (sectorSize - 1)))
	var used [3]int64
	for n := range used {
		if err := s.Compact(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Compact = %v", err)
		}
		used[n] = segmentBytes(t, o)
	}
	if used[0] != used[1] || used[1] != used[2] {
		t.Errorf("the segments have %d bytes after each try", used)
	}
}

// TestEraseAfterRestore erases a torrent that was restored and put anew after an
// earlier erasure could not take its older bytes away.
func TestEraseAfterRestore(t *testing.T) {
	disk := &badDisk{FS: vfs.NewMem()}
	s := mustOpen(t, onDisk(disk, "/store"))
	first, other, second := storetest.Torrent(storetest.V1, 1, 9000, 0), storetest.Torrent(storetest.V1, 2, 9000, 0), storetest.Torrent(storetest.V1, 1, 9000, 1)
	mustPut(t, s, first, store.Created)
	mustPut(t, s, other, store.Created)
	at := s.where(t, other.IDs.Primary())
	seal(t, s)
	disk.begin(noSector((at.Offset + 5000) &^ (sectorSize - 1)))
	if err := storetest.Remove(t.Context(), s, first.IDs.Primary(), store.Removal{Erase: true}); !errors.Is(err, store.ErrNotErased) {
		t.Fatalf("Remove = %v", err)
	}
	if err := storetest.Restore(t.Context(), s, first.IDs.Primary()); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, second, store.Created)
	disk.end()
	if err := storetest.Remove(t.Context(), s, first.IDs.Primary(), store.Removal{Erase: true}); err != nil {
		t.Fatal(err)
	}
	if onDiskAnywhere(t, s.options, first.Info()) {
		t.Error("the torrent is erased, and its bytes are on the disk")
	}
}

// TestGiveUp marks a torrent that the disk will never read again, and takes the mark
// away when the disk does after all.
func TestGiveUp(t *testing.T) {
	s, disk, items := onBadDisk(t)
	id := items[1].IDs.Primary()
	disk.begin(noSector(s.where(t, id).Offset + format.HeaderSize))
	has := func(want bool) {
		t.Helper()
		if got, err := s.Has(t.Context(), []infohash.ID{id}); err != nil || got[0].Found() != want {
			t.Errorf("Has = %v, %v; want %v", got, err, want)
		}
	}
	r, err := s.Verify(t.Context(), VerifyOptions{})
	if err != nil || len(r.Unreadable) < 1 || len(r.Damaged) != 0 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
	has(true)
	if r, err = s.Verify(t.Context(), VerifyOptions{GiveUp: true}); err != nil || len(r.Unreadable) < 1 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
	has(false)
	lost := len(r.Unreadable)
	s = reopened(t, s, false)
	has(false)
	disk.end()
	if r, err = s.Verify(t.Context(), VerifyOptions{}); err != nil || r.Cleared != int64(lost) || len(r.Damaged) != 0 {
		t.Errorf("Verify = %+v, %v; want %d marks cleared", r, err, lost)
	}
	has(true)
	isWhole(t, s, items)
}

// TestCompactGivenUp compacts a segment of which an operator gave up a part: the rest
// moves, and the part that was given up stays known as lost.
func TestCompactGivenUp(t *testing.T) {
	s, disk, items := onBadDisk(t)
	id := items[1].IDs.Primary()
	at := s.where(t, id)
	disk.begin(noSector(at.Offset + format.HeaderSize))
	r, err := s.Verify(t.Context(), VerifyOptions{GiveUp: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	if err := c.segment(t.Context(), at.Segment); err != nil {
		t.Fatal(err)
	}
	disk.end()
	s = reopened(t, s, true)
	damaged := 0
	for _, item := range items[:5] {
		if _, err := s.Get(t.Context(), item.IDs.Primary(), nil); errors.Is(err, store.ErrDamaged) {
			damaged++
			mustPut(t, s, item, store.Healed)
		}
	}
	if damaged != len(r.Unreadable) {
		t.Errorf("%d torrents are damaged, %d were given up", damaged, len(r.Unreadable))
	}
	isWhole(t, s, items)
}

// TestOpenUnreadable opens a store whose log the disk does not read where the index
// must learn from it: that fails, changes nothing, and succeeds later. An operator who
// gives the sector up gets the rest.
func TestOpenUnreadable(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, s *Store) Options{
		"index lost": func(t *testing.T, s *Store) Options {
			mustClose(t, s)
			if err := s.options.FS.RemoveAll(s.options.FS.PathJoin(s.options.Dir, files.IndexDir)); err != nil {
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
			o := end(t, s)
			disk := &badDisk{FS: o.FS}
			o.FS = disk
			disk.begin(noSector((at.Offset + sectorSize - 1) / sectorSize * sectorSize)) // ends in a later record
			for range 2 {
				if s, err := Open(o); !errors.Is(err, files.ErrUnreadable) {
					t.Fatalf("Open = %v, %v", s, err)
				}
			}
			disk.end()
			whole := mustOpen(t, o)
			servesBut(t, whole, items, -1, nil)
			mustClose(t, whole)
			disk.begin(noSector((at.Offset + sectorSize - 1) / sectorSize * sectorSize))
			o.GiveUp, o.reindex = true, true
			s = mustOpen(t, o)
			served := 0
			for _, item := range items {
				if _, err := s.Get(t.Context(), item.IDs.Primary(), nil); err == nil {
					served++
				}
			}
			if served < 3 || served == len(items) {
				t.Errorf("%d of %d are served, one sector hides 2", served, len(items))
			}
		})
	}
}

// TestReindexGivesUp builds an index without one, passing over the sector that the disk
// cannot read: it is told where.
func TestReindexGivesUp(t *testing.T) {
	s, disk, items := onBadDisk(t)
	at := s.where(t, items[2].IDs.Primary())
	mustClose(t, s)
	if err := s.options.FS.RemoveAll(s.options.FS.PathJoin(s.options.Dir, files.IndexDir)); err != nil {
		t.Fatal(err)
	}
	disk.begin(noSector(at.Offset))
	o := s.options
	o.GiveUp = true
	missing, err := Reindex(o)
	if err != nil || len(missing) != 1 || missing[0].From == 0 || missing[0].Counted {
		t.Errorf("Reindex = %+v, %v", missing, err)
	}
	disk.end()
	if missing, err = Reindex(s.options); err != nil || len(missing) != 0 {
		t.Errorf("Reindex = %+v, %v", missing, err)
	}
	isWhole(t, mustOpen(t, s.options), items)
}

// TestVerifyCountsOnce verifies a segment that has a damaged header and a damaged body.
func TestVerifyCountsOnce(t *testing.T) {
	s, _, items := onBadDisk(t)
	header, body := s.where(t, items[1].IDs.Primary()), s.where(t, items[3].IDs.Primary())
	for _, offset := range []int64{header.Offset + 3, header.Offset + 70, header.Offset + 90} {
		flip(t, s.options.FS, fileOf(s.options, header.Segment), offset)
	}
	flip(t, s.options.FS, fileOf(s.options, body.Segment), body.Offset+format.HeaderSize+5)
	for range 2 { // the second time both are marked
		r, err := s.Verify(context.Background(), VerifyOptions{})
		if err != nil || r.Checked != 5 || len(r.Damaged) != 2 || len(r.Unreadable) != 0 {
			t.Errorf("Verify = %+v, %v; want 5 checked, 2 damaged", r, err)
		}
	}
}
