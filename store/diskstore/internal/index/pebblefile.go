package index

import (
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

// vitalFile is a file or folder on which Pebble cannot survive an error.
type vitalFile struct {
	vfs.File
	fs *pebbleFS
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

// tableFile is a table that is being written.
type tableFile struct {
	vfs.File
	fs *pebbleFS
}

// Write implements vfs.File.
func (f *tableFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	return n, f.fs.tableError(err)
}

// Sync implements vfs.File.
func (f *tableFile) Sync() error { return f.fs.tableError(f.File.Sync()) }

// SyncData implements vfs.File.
func (f *tableFile) SyncData() error { return f.fs.tableError(f.File.SyncData()) }

// readableFile is a file open for reading. A read fills its buffer or fails, since Pebble would
// take missing bytes for damage.
type readableFile struct {
	vfs.File
	fs *pebbleFS
}

// Read implements vfs.File.
func (f *readableFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	return n, f.fs.noteRead(err)
}

// ReadAt implements vfs.File.
func (f *readableFile) ReadAt(b []byte, offset int64) (int, error) {
	if err := files.ReadFull(f.File, b, offset); err == nil {
		return len(b), nil
	}
	n, err := f.File.ReadAt(b, offset) // the end of the file, or the error again
	if n < len(b) && err == nil {
		err = io.ErrNoProgress
	}
	return n, f.fs.noteRead(err)
}
