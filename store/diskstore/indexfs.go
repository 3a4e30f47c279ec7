package diskstore

import (
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// indexFS is the file system that Pebble sees. Pebble (2.1.7) cannot go on after
// an error on any file but a table: it calls Fatalf, and if that returns it
// works on with a version in memory that contradicts itself, until it panics in
// a goroutine of its own; and an Open that fails late does so under a running
// compaction. So at the first such error indexFS breaks: from then on everything
// is written to memory, to Pebble's satisfaction. The disk stays as a crash at
// that moment would leave it, reads go on, the store refuses changes, and the
// next Open reads from the segments what is missing.
type indexFS struct {
	vfs.FS
	broken  atomic.Bool
	memory  *vfs.MemFS      // where files go once broken
	onBreak func(err error) // called once
}

func newIndexFS(fs vfs.FS, dir string, onBreak func(error)) (*indexFS, error) {
	memory := vfs.NewMem()
	return &indexFS{FS: fs, memory: memory, onBreak: onBreak}, memory.MkdirAll(dir, 0o755)
}

// vital reports whether an error on the file ends Pebble. It does not on
// tables: those are written again.
func vital(name string) bool { return !strings.HasSuffix(name, ".sst") }

// survive makes an error on a vital file the end of writing, and hides it.
func (x *indexFS) survive(err error) error {
	if err != nil && !x.broken.Swap(true) {
		x.onBreak(err)
	}
	return nil
}

// Create implements vfs.FS.
func (x *indexFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if x.broken.Load() {
		return x.memory.Create(name, category)
	}
	f, err := x.FS.Create(name, category)
	if !vital(name) {
		return f, err
	}
	if err != nil {
		_ = x.survive(err)
		return x.memory.Create(name, category)
	}
	return &vitalFile{File: f, fs: x}, nil
}

// Open implements vfs.FS.
func (x *indexFS) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	if x.broken.Load() {
		if f, err := x.memory.Open(name, options...); err == nil {
			return f, nil
		}
	}
	return x.FS.Open(name, options...)
}

// Stat implements vfs.FS.
func (x *indexFS) Stat(name string) (vfs.FileInfo, error) {
	if x.broken.Load() {
		if info, err := x.memory.Stat(name); err == nil {
			return info, nil
		}
	}
	return x.FS.Stat(name)
}

// OpenDir implements vfs.FS.
func (x *indexFS) OpenDir(name string) (vfs.File, error) {
	dir, err := x.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &vitalFile{File: dir, fs: x}, nil
}

// Remove implements vfs.FS. Once broken nothing on disk is removed: the
// manifest there may still name it.
func (x *indexFS) Remove(name string) error {
	if x.broken.Load() {
		return nil
	}
	err := x.FS.Remove(name)
	if vital(name) {
		return x.survive(err)
	}
	return err
}

// Rename implements vfs.FS. Pebble renames nothing but the file of its options.
func (x *indexFS) Rename(from, to string) error {
	if x.broken.Load() {
		return nil
	}
	return x.survive(x.FS.Rename(from, to))
}

// List implements vfs.FS.
func (x *indexFS) List(dir string) ([]string, error) {
	if !x.broken.Load() {
		names, err := x.FS.List(dir)
		if err == nil {
			return names, nil
		}
		_ = x.survive(err)
	}
	return x.memory.List(dir)
}

// vitalFile is a file, or the folder, that Pebble cannot do without.
type vitalFile struct {
	vfs.File
	fs *indexFS
}

// Write implements vfs.File.
func (f *vitalFile) Write(b []byte) (int, error) {
	if f.fs.broken.Load() {
		return len(b), nil
	}
	_, err := f.File.Write(b)
	return len(b), f.fs.survive(err)
}

// Sync implements vfs.File.
func (f *vitalFile) Sync() error {
	if f.fs.broken.Load() {
		return nil
	}
	return f.fs.survive(f.File.Sync())
}

// SyncData implements vfs.File.
func (f *vitalFile) SyncData() error {
	if f.fs.broken.Load() {
		return nil
	}
	return f.fs.survive(f.File.SyncData())
}

// SyncTo implements vfs.File.
func (f *vitalFile) SyncTo(length int64) (bool, error) {
	if f.fs.broken.Load() {
		return false, nil
	}
	full, err := f.File.SyncTo(length)
	return full, f.fs.survive(err)
}

// Close implements vfs.File.
func (f *vitalFile) Close() error { return f.fs.survive(f.File.Close()) }
