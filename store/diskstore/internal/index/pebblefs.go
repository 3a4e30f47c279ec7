package index

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// pebbleFS is the file system that Pebble sees. Pebble (2.1.7) cannot go on after
// an error on any file but a table: it calls Fatalf, and if that returns it
// works on with a version in memory that contradicts itself, until it panics in
// a goroutine of its own; and an Open that fails late does so under a running
// compaction. So at the first such error pebbleFS breaks: from then on everything
// is written to memory, to Pebble's satisfaction. The disk stays as a crash at
// that moment would leave it, reads go on, the store refuses changes, and the
// next Open reads from the segments what is missing. That is also how an index is
// opened on a disk that takes no writes.
type pebbleFS struct {
	vfs.FS
	broken  atomic.Bool
	blind   bool            // nothing on disk is read
	memory  *vfs.MemFS      // where files go once broken
	onBreak func(err error) // called once

	// Until started has been called an error on a table breaks it, too: an index that
	// is built while the disk is full must come to an end. And it is noted whether a
	// read failed: then what Pebble says of the index proves nothing.
	running atomic.Bool
	unread  atomic.Pointer[error]
}

func newPebbleFS(fs vfs.FS, dir string, onBreak func(error)) (*pebbleFS, error) {
	memory := vfs.NewMem()
	return &pebbleFS{FS: fs, memory: memory, onBreak: onBreak}, memory.MkdirAll(dir, 0o700)
}

// hide has nothing written to the disk from the beginning, and nothing read from it
// unless there is an index to be read.
func (x *pebbleFS) hide(isThere bool) {
	x.blind = !isThere
	x.broken.Store(true)
}

func (x *pebbleFS) started() { x.running.Store(true) }

// readError returns why a read failed since it was made, nil if none did.
func (x *pebbleFS) readError() error {
	if err := x.unread.Load(); err != nil {
		return *err
	}
	return nil
}

// noteRead notes that a read failed, and returns err.
func (x *pebbleFS) noteRead(err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrNotExist) {
		x.unread.CompareAndSwap(nil, &err)
	}
	return err
}

// isVital reports whether an error on the file ends Pebble. It does not on
// tables: those are written again.
func isVital(name string) bool { return !strings.HasSuffix(name, ".sst") }

// survive makes an error on a vital file the end of writing, and hides it.
func (x *pebbleFS) survive(err error) error {
	if err != nil && !x.broken.Swap(true) {
		x.onBreak(err)
	}
	return nil
}

// tableError returns an error on a table, for Pebble to write it again.
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

// Remove implements vfs.FS. Once broken nothing on disk is removed: the
// manifest there may still name it.
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

// Rename implements vfs.FS. Pebble renames nothing but the file of its options.
func (x *pebbleFS) Rename(from, to string) error {
	if x.broken.Load() {
		return nil
	}
	return x.survive(x.FS.Rename(from, to))
}

// List implements vfs.FS.
func (x *pebbleFS) List(dir string) ([]string, error) {
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
