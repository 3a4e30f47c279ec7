package diskstore

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// crampedDisk is a file system that reserves at most so many bytes at a time, and tells
// how much is free.
type crampedDisk struct {
	vfs.FS
	step atomic.Int64
	free atomic.Int64
}

func newCrampedDisk(fs vfs.FS) *crampedDisk {
	d := &crampedDisk{FS: fs}
	d.step.Store(1 << 40)
	d.free.Store(1 << 40)
	return d
}

func (d *crampedDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: uint64(d.free.Load()), TotalBytes: 1 << 41}, nil
}

func (d *crampedDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return d.wrap(f), err
}

func (d *crampedDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, c, options...)
	return d.wrap(f), err
}

func (d *crampedDisk) wrap(f vfs.File) vfs.File {
	if f == nil {
		return nil
	}
	return &crampedFile{f, d}
}

type crampedFile struct {
	vfs.File
	disk *crampedDisk
}

func (f *crampedFile) Preallocate(offset, length int64) error {
	if length > f.disk.step.Load() {
		return syscall.ENOSPC
	}
	return f.File.Preallocate(offset, length)
}

// TestLastSpace removes, restores and erases on a disk that has next to nothing left, which
// takes no uploads.
func TestLastSpace(t *testing.T) {
	disk := newCrampedDisk(vfs.NewMem())
	o := onDisk(disk, "/store")
	o.SegmentSize = 64 << 20
	s := mustOpen(t, o)
	items := []store.Item{faultTorrent(0), faultTorrent(1), faultTorrent(2)}
	for _, item := range items {
		mustPut(t, s, item, store.Created)
	}
	mustClose(t, s)
	s = mustOpen(t, o) // the reserved space is not known any more
	disk.step.Store(3000)
	disk.free.Store(100_000)
	if err := s.Put(t.Context(), []store.Item{faultTorrent(9)})[0].Err; !errors.Is(err, store.ErrFull) {
		t.Errorf("Put = %v", err)
	}
	for _, erase := range []bool{false, true} {
		if err := storetest.Remove(t.Context(), s, items[0].IDs.Primary(), store.Removal{Reason: "gone", Erase: erase}); err != nil {
			t.Fatalf("Remove (erase: %v) = %v", erase, err)
		}
		if onDiskAnywhere(t, o, items[0].Info()) == erase {
			t.Errorf("erase: %v, and the bytes are on disk: %v", erase, !erase)
		}
	}
	if err := storetest.Remove(t.Context(), s, items[1].IDs.Primary(), store.Removal{Reason: "gone"}); err != nil {
		t.Error(err)
	}
	if err := storetest.Restore(t.Context(), s, items[1].IDs.Primary()); err != nil {
		t.Error(err)
	}
	for range 2 {
		serves(t, s, items[1])
		serves(t, s, items[2])
		removalsHold(t, s, items[:1])
		if r, err := s.Verify(t.Context(), VerifyOptions{}); err != nil || len(r.Damaged) > 0 || r.Checked != 2 {
			t.Errorf("Verify = %+v, %v", r, err)
		}
		s = reopened(t, s, true)
	}
	if err := storetest.Restore(t.Context(), s, items[0].IDs.Primary()); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), items[0].IDs.Primary(), nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what was erased and restored = %v", err)
	}
}

// TestEraseBesideBackup erases on a full disk a torrent whose segment a backup shares: the
// backup is not touched, and the caller is told.
func TestEraseBesideBackup(t *testing.T) {
	dir := t.TempDir()
	disk := newCrampedDisk(vfs.Default)
	s := mustOpen(t, onDisk(disk, dir+"/store"))
	mustPut(t, s, faultTorrent(0), store.Created)
	seal(t, s)
	mustPut(t, s, faultTorrent(1), store.Created)
	if err := s.Backup(t.Context(), dir+"/backup", nil); err != nil {
		t.Fatal(err)
	}
	disk.free.Store(0)
	disk.step.Store(3000)
	id := faultTorrent(0).IDs.Primary()
	if err := storetest.Remove(t.Context(), s, id, store.Removal{Erase: true}); !errors.Is(err, store.ErrFull) {
		t.Errorf("Remove = %v", err)
	}
	if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrRemoved) {
		t.Errorf("Get = %v", err)
	}
	serves(t, mustOpen(t, onDisk(vfs.Default, dir+"/backup")), faultTorrent(0))
}

// TestSpare has the last of the space come from the file that was put aside for that.
func TestSpare(t *testing.T) {
	disk := newCrampedDisk(vfs.NewMem())
	o := onDisk(disk, "/store")
	s := mustOpen(t, o)
	mustPut(t, s, faultTorrent(0), store.Created)
	s.spare.Keep()
	there, err := files.Exists(disk, disk.PathJoin("/store", files.SpareName))
	if err != nil || !there {
		t.Fatalf("no space was put aside: %v", err)
	}
	mustClose(t, s)
	s = mustOpen(t, o)
	disk.free.Store(0)
	disk.step.Store(0)
	if err := storetest.Remove(t.Context(), s, faultTorrent(0).IDs.Primary(), store.Removal{}); !errors.Is(err, store.ErrFull) {
		t.Errorf("Remove = %v", err)
	}
	if there, err := files.Exists(disk, disk.PathJoin("/store", files.SpareName)); err != nil || there {
		t.Errorf("the space that was put aside is still kept, %v", err)
	}
	disk.step.Store(1 << 20)
	if err := storetest.Remove(t.Context(), s, faultTorrent(0).IDs.Primary(), store.Removal{}); err != nil {
		t.Errorf("Remove = %v", err)
	}
}

// TestCacheOnFullDisk has a bounded store let segments fall off on a disk without space.
func TestCacheOnFullDisk(t *testing.T) {
	disk := newCrampedDisk(vfs.NewMem())
	s := mustOpen(t, boundedOptions(disk))
	for seed := range uint64(200) {
		putBounded(t, s, boundedTorrent(seed))
	}
	s = reopened(t, s, false) // the reserved space is not known any more
	disk.step.Store(0)
	if err := s.takeTurn(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.endTurn()
	before := s.segments.IDs()
	for _, id := range before[:2] {
		if err := s.discard(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if after := s.segments.IDs(); len(after) != len(before)-2 {
		t.Errorf("of %d segments %d are left", len(before), len(after))
	}
}

// TestLeftoverSegment fails to make a segment, and to take away the part of it that is there. Then
// nothing more is written behind the place where its header says that the one before ends.
func TestLeftoverSegment(t *testing.T) {
	mem := vfs.NewMem()
	fails := new(atomic.Bool)
	o := onDisk(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		isSync := op.Kind == errorfs.OpFileSync && strings.HasSuffix(op.Path, files.SegmentsDir)
		if fails.Load() && (isSync || op.Kind == errorfs.OpRemove) {
			return syscall.ENOSPC
		}
		return nil
	})), "/store")
	o.SegmentSize = 1 << 20
	s := mustOpen(t, o)
	mustPut(t, s, faultTorrent(0), store.Created)
	fails.Store(true)
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	if err := c.seal(t.Context(), s.segments.Get(1)); err == nil {
		t.Error("a segment was begun")
	}
	if err := s.Put(t.Context(), []store.Item{faultTorrent(1)})[0].Err; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Put = %v", err)
	}
	left := onDisk(snapshot(t, mem).mount(t), "/store")
	serves(t, mustOpen(t, left), faultTorrent(0))
}

// unwritable is a file system that lets nothing be written while full is set, but reads.
func unwritable(fs vfs.FS, err error) (vfs.FS, *atomic.Bool) {
	full := new(atomic.Bool)
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && isWrite(op) && !strings.HasSuffix(op.Path, "/store/"+files.LockName) { // that file is there
			return err
		}
		return nil
	})), full
}

func isWrite(op errorfs.Op) bool {
	return op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFileClose
}

// TestStartUnwritable opens stores on a disk that takes no writes, after every kind of end:
// reads are served, changes are refused, and all is there when the disk takes writes again.
func TestStartUnwritable(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		for name, end := range map[string]func(t *testing.T, s *Store) Options{
			"closed": func(t *testing.T, s *Store) Options { mustClose(t, s); return s.options },
			"crash":  func(_ *testing.T, s *Store) Options { s.noteSynced(); return afterCrash(s) },
			"index lost": func(t *testing.T, s *Store) Options {
				mustClose(t, s)
				if err := s.options.FS.RemoveAll(s.options.FS.PathJoin(s.options.Dir, files.IndexDir)); err != nil {
					t.Fatal(err)
				}
				return s.options
			},
		} {
			t.Run(cause.Error()+", "+name, func(t *testing.T) {
				s, items := oneGroup(t)
				o := end(t, s)
				fs, full := unwritable(o.FS, cause)
				whole := o
				o.FS = fs
				full.Store(true)
				s = mustOpen(t, o)
				servesBut(t, s, items, -1, nil)
				if err := s.Put(t.Context(), []store.Item{faultTorrent(77)})[0].Err; err == nil {
					t.Error("an upload was taken by a disk that takes no writes")
				}
				if err := storetest.Remove(t.Context(), s, items[0].IDs.Primary(), store.Removal{}); err == nil {
					t.Error("a removal was taken by a disk that takes no writes")
				}
				servesBut(t, s, items, -1, nil)
				if s.Err() == nil {
					t.Error("Err says that all is well")
				}
				mustClose(t, s)
				s = mustOpen(t, whole)
				servesBut(t, s, items, -1, nil)
				mustPut(t, s, faultTorrent(77), store.Created)
				servesBut(t, reopened(t, s, true), append(items, faultTorrent(77)), -1, nil)
			})
		}
	}
}

// TestReadOnly opens a store, and a backup without an index, on a disk that must not be
// written to: everything is read and verified, nothing is written, not even a lock.
func TestReadOnly(t *testing.T) {
	s, items := oneGroup(t)
	id := items[4].IDs.Primary()
	if err := storetest.Remove(t.Context(), s, id, store.Removal{Reason: "gone"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), "/backup", nil); err != nil {
		t.Fatal(err)
	}
	fs := s.options.FS
	mustClose(t, s)
	if err := fs.Remove("/store/" + files.LockName); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/store", "/backup"} {
		writes := 0
		o := onDisk(errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if isWrite(op) {
				writes++
				return syscall.EROFS
			}
			return nil
		})), dir)
		o.ReadOnly = true
		before := snapshot(t, fs)
		s := mustOpen(t, o)
		servesBut(t, s, items[:4], -1, nil)
		removalsHold(t, s, items[4:])
		if r, err := s.Verify(t.Context(), VerifyOptions{}); err != nil || r.Checked != 4 || len(r.Damaged) > 0 {
			t.Errorf("Verify = %+v, %v", r, err)
		}
		if stats, err := s.Stats(t.Context()); err != nil || stats.Torrents != 4 {
			t.Errorf("Stats = %+v, %v", stats, err)
		}
		if err := s.Put(t.Context(), items[:1])[0].Err; !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Put = %v", err)
		}
		mustClose(t, s)
		if sum := snapshot(t, fs).sum(); writes > 0 || sum != before.sum() {
			t.Errorf("%s: %d writes were tried", dir, writes)
		}
	}
	o := onDisk(fs, "/store")
	s = mustOpen(t, o)
	o.ReadOnly = true
	if _, err := Open(o); !errors.Is(err, ErrLocked) {
		t.Errorf("Open of a store in use = %v", err)
	}
	mustClose(t, s)
	if _, err := Open(Options{Dir: t.TempDir(), ReadOnly: true}); err == nil {
		t.Error("an empty folder was opened as a store")
	}
}
