//go:build unix

package diskstore

import (
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// setUmask sets the umask until the test ends. It is that of the whole process.
func setUmask(t *testing.T, mask int) {
	t.Helper()
	before := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(before) })
}

// modes returns the modes of all that stands at dir and below, by their paths.
func modes(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			found[path] = info.Mode()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wantPrivate wants all at dir and below to be for its owner alone, and returns how
// many files there are of each ending.
func wantPrivate(t *testing.T, dir string) map[string]int {
	t.Helper()
	endings := map[string]int{}
	for path, mode := range modes(t, dir) {
		want := fs.FileMode(0o600)
		if mode.IsDir() {
			want = fs.ModeDir | 0o700
		}
		if mode != want {
			t.Errorf("%s is %v, want %v", path, mode, want)
		}
		endings[filepath.Ext(path)]++
	}
	return endings
}

// TestPrivate lets a store make all that it makes, a backup and an index that is built
// anew among it, under a umask that allows everything.
func TestPrivate(t *testing.T) {
	setUmask(t, 0)
	parent := t.TempDir()
	o := onDisk(nil, filepath.Join(parent, "a", "store"))
	s := mustOpen(t, o)
	for seed := range uint64(40) {
		mustPut(t, s, faultTorrent(seed), store.Created)
	}
	backup := filepath.Join(parent, "b", "today")
	if err := s.Backup(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	o.reindex = true
	mustClose(t, mustOpen(t, o))
	restored := o
	restored.Dir = backup
	mustClose(t, mustOpen(t, restored))
	for _, dir := range []string{"a", "b"} {
		made := wantPrivate(t, filepath.Join(parent, dir))
		if made[".segment"] < 2 || made[".sst"] == 0 {
			t.Errorf("%s has too little in it to show anything: %v", dir, made)
		}
	}
}

// TestModesStay opens a store of an older program, whose files others could read: files
// that are there keep their modes, and so do links in a backup. New files are private.
func TestModesStay(t *testing.T) {
	setUmask(t, 0o022)
	parent := t.TempDir()
	dir, backup := filepath.Join(parent, "store"), filepath.Join(parent, "backup")
	old := mustOpen(t, onDisk(vfs.Default, dir))
	mustPut(t, old, faultTorrent(0), store.Created)
	mustClose(t, old)
	before := modes(t, dir)
	s := mustOpen(t, onDisk(nil, dir))
	for seed := uint64(1); s.committer.Stats().Segment < 2; seed++ {
		mustPut(t, s, faultTorrent(seed), store.Created)
	}
	if err := s.Backup(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	now := modes(t, dir)
	for _, name := range []string{"", files.LockName, files.SyncedName, files.SegmentsDir, files.SegmentsDir + "/" + format.SegmentName(1), files.IndexDir} {
		path := filepath.Join(dir, name)
		if before[path].Perm()&0o044 == 0 || now[path] != before[path] {
			t.Errorf("%s is %v, it was %v", path, now[path], before[path])
		}
	}
	if mode := now[filepath.Join(dir, files.SegmentsDir, format.SegmentName(2))]; mode != 0o600 {
		t.Errorf("a new segment is %v", mode)
	}
	for name, want := range map[string]fs.FileMode{"": fs.ModeDir | 0o700, format.SegmentName(1): 0o644, format.SegmentName(2): 0o600} {
		path := backup
		if name != "" {
			path = filepath.Join(backup, files.SegmentsDir, name)
		}
		if mode := modes(t, backup)[path]; mode != want {
			t.Errorf("%s is %v, want %v", path, mode, want)
		}
	}
}

// madeBefore wants every file to be there, for its owner alone, before it is opened.
type madeBefore struct {
	vfs.FS
	t *testing.T
}

func (m madeBefore) want(name string) {
	if info, err := m.Stat(name); err != nil || info.Mode() != 0o600 {
		m.t.Errorf("%s is opened as %v, %v", name, info, err)
	}
}

func (m madeBefore) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	m.t.Errorf("%s is made by a file system that knows no modes", name)
	return m.FS.Create(name, category)
}

func (m madeBefore) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	m.want(name)
	return m.FS.OpenReadWrite(name, category, options...)
}

func (m madeBefore) Lock(name string) (io.Closer, error) {
	m.want(name)
	return m.FS.Lock(name)
}

// TestPrivateFromTheFirst shows that there is no moment at which a file is open to others.
func TestPrivateFromTheFirst(t *testing.T) {
	setUmask(t, 0)
	s := mustOpen(t, onDisk(files.Private(madeBefore{vfs.Default, t}), filepath.Join(t.TempDir(), "store")))
	for seed := range uint64(40) {
		mustPut(t, s, faultTorrent(seed), store.Created)
	}
}
