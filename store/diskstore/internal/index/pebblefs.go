package index

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pebbleFS is the file system that Pebble sees. Pebble (2.1.7) cannot go on after an error on
// any file but a table. It calls Fatalf; if that returns, it continues with an inconsistent
// version in memory until one of its goroutines panics. An Open that fails late does so under a
// running compaction.
//
// So at the first such error pebbleFS breaks: from then on it writes everything to memory, and
// Pebble sees no error. The disk stays as a crash at that moment would leave it. Reads go on,
// the store refuses changes, and the next Open reads the missing part from the segments. The
// same mechanism opens an index on a disk that takes no writes.
type pebbleFS struct {
	vfs.FS
	broken  atomic.Bool
	blind   bool            // nothing on disk is read
	memory  *vfs.MemFS      // holds new files once broken
	onBreak func(err error) // called once

	// Until started is called, an error on a table breaks the file system, too, because building
	// an index on a full disk must end. It also records whether a read failed: then Pebble's
	// verdict on the index proves nothing.
	running atomic.Bool
	unread  atomic.Pointer[error]

	// optionsWritten says that the options file got its name. Pebble's Open then lists the folder a
	// last time, only for files to delete, while a compaction may run already.
	optionsWritten atomic.Bool
}

func newPebbleFS(fs vfs.FS, dir string, onBreak func(error)) (*pebbleFS, error) {
	memory := vfs.NewMem()
	return &pebbleFS{FS: fs, memory: memory, onBreak: onBreak}, memory.MkdirAll(dir, 0o700)
}

// hide prevents all writes to the disk, and all reads unless there is an index to read.
func (x *pebbleFS) hide(isThere bool) {
	x.blind = !isThere
	x.broken.Store(true)
}

func (x *pebbleFS) started() { x.running.Store(true) }

// readError returns the first error of a read; nil if none failed.
func (x *pebbleFS) readError() error {
	if err := x.unread.Load(); err != nil {
		return *err
	}
	return nil
}

// noteRead records a failed read, and returns err.
func (x *pebbleFS) noteRead(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrNotExist) {
		x.unread.CompareAndSwap(nil, &err)
	}
	return err
}

// isVital reports whether Pebble cannot survive an error on the file. It survives errors on
// tables, which it writes again.
func isVital(name string) bool { return !strings.HasSuffix(name, ".sst") }

// survive ends writing to the disk at an error on a vital file, and hides that error.
func (x *pebbleFS) survive(err error) error {
	if err != nil && !x.broken.Swap(true) {
		x.onBreak(err)
	}
	return nil
}

// tableError returns an error on a table, so that Pebble writes the table again.
func (x *pebbleFS) tableError(err error) error {
	if err != nil && !x.running.Load() {
		_ = x.survive(err)
	}
	return err
}

// Create implements vfs.FS.
func (x *pebbleFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if x.broken.Load() {
		return x.memory.Create(name, category)
	}
	f, err := x.FS.Create(name, category)
	if !isVital(name) {
		if err != nil {
			return nil, x.tableError(err)
		}
		return &tableFile{File: f, fs: x}, nil
	}
	if err != nil {
		_ = x.survive(err)
		return x.memory.Create(name, category)
	}
	return &vitalFile{File: f, fs: x}, nil
}

// Open implements vfs.FS.
func (x *pebbleFS) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	if x.broken.Load() {
		if f, err := x.memory.Open(name, options...); err == nil || x.blind {
			return f, err
		}
	}
	f, err := x.FS.Open(name, options...)
	if err != nil {
		return nil, x.noteRead(err)
	}
	return &readableFile{File: f, fs: x}, nil
}

// Stat implements vfs.FS.
func (x *pebbleFS) Stat(name string) (vfs.FileInfo, error) {
	if x.broken.Load() {
		if info, err := x.memory.Stat(name); err == nil || x.blind {
			return info, err
		}
	}
	info, err := x.FS.Stat(name)
	return info, x.noteRead(err)
}

// OpenDir implements vfs.FS.
func (x *pebbleFS) OpenDir(name string) (vfs.File, error) {
	if x.broken.Load() {
		return x.memory.OpenDir(name)
	}
	dir, err := x.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &vitalFile{File: dir, fs: x}, nil
}

// MkdirAll implements vfs.FS.
func (x *pebbleFS) MkdirAll(dir string, mode os.FileMode) error {
	if !x.broken.Load() {
		_ = x.survive(x.FS.MkdirAll(dir, mode))
	}
	return x.memory.MkdirAll(dir, mode)
}

// Lock implements vfs.FS.
func (x *pebbleFS) Lock(name string) (io.Closer, error) {
	if !x.broken.Load() {
		lock, err := x.FS.Lock(name)
		if err == nil {
			return lock, nil
		}
		_ = x.survive(err)
	}
	return x.memory.Lock(name)
}

// Remove implements vfs.FS. Once broken, it removes nothing on disk, since the manifest there
// may still name the file.
func (x *pebbleFS) Remove(name string) error {
	if x.broken.Load() {
		return nil
	}
	err := x.FS.Remove(name)
	if isVital(name) {
		return x.survive(err)
	}
	return err
}

// Rename implements vfs.FS. Pebble renames only its options file.
func (x *pebbleFS) Rename(from, to string) error {
	x.optionsWritten.Store(true)
	if x.broken.Load() {
		return nil
	}
	return x.survive(x.FS.Rename(from, to))
}

// List implements vfs.FS. If it fails where Pebble's Open only tidies up, it returns no files:
// Pebble then deletes none.
func (x *pebbleFS) List(dir string) ([]string, error) {
	names, err := x.list(dir)
	if err != nil && x.optionsWritten.Load() {
		return nil, nil
	}
	return names, err
}

func (x *pebbleFS) list(dir string) ([]string, error) {
	if !x.broken.Load() {
		names, err := x.FS.List(dir)
		return names, x.noteRead(err)
	}
	names, err := x.memory.List(dir)
	if err != nil || x.blind {
		return names, err
	}
	onDisk, err := x.FS.List(dir)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return append(names, onDisk...), x.noteRead(err)
}
