package files

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Modes of a store's files and folders, even if the umask allows more: torrents hold passkeys.
const (
	privateFile = 0o600
	privateDir  = 0o700
)

// privateFS is the operating system's file system, on which all new files and folders are
// private to their owner. It first creates a file with its mode, and the inner file system then
// opens it. Setting the mode afterwards would leave a moment in which another user could open
// the file and keep it open. If the second step fails, an empty file stays, as after a crash at
// that moment. Existing files keep their mode, and so do renamed and linked ones; the methods
// for those are therefore inherited.
type privateFS struct{ vfs.FS }

// Private returns a file system that makes all new files and folders of inner private to their
// owner. The names of inner must be those of the operating system.
func Private(inner vfs.FS) vfs.FS { return privateFS{inner} }

// systemFS is the result of System.
var systemFS = Private(vfs.Default)

// System returns the operating system's file system, with new files and folders private to their
// owner. It is safe for concurrent use.
func System() vfs.FS { return systemFS }

// IsSystem reports whether fs is the operating system's file system without any further layer,
// so that its files have usable descriptors.
func IsSystem(fs vfs.FS) bool { return fs == vfs.Default || fs == systemFS }

// Unwrap implements vfs.FS.
func (fs privateFS) Unwrap() vfs.FS { return fs.FS }

// Create implements vfs.FS. Like the inner one it deletes an existing file of that name instead
// of truncating it, because the file may have other names.
func (fs privateFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	err := makeFile(name)
	for errors.Is(err, os.ErrExist) {
		if err := fs.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		err = makeFile(name)
	}
	if err != nil {
		return nil, err
	}
	return fs.FS.OpenReadWrite(name, category)
}

// OpenReadWrite implements vfs.FS.
func (fs privateFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	if err := makeMissing(name); err != nil {
		return nil, err
	}
	return fs.FS.OpenReadWrite(name, category, options...)
}

// MkdirAll implements vfs.FS.
func (fs privateFS) MkdirAll(dir string, _ os.FileMode) error { return fs.FS.MkdirAll(dir, privateDir) }

// locking is held while a lock is taken. Closing any descriptor of a file releases all locks
// that the process has on it, so no lock file may be created while another goroutine locks it.
var locking sync.Mutex

// Lock implements vfs.FS.
func (fs privateFS) Lock(name string) (io.Closer, error) {
	locking.Lock()
	defer locking.Unlock()
	if err := makeMissing(name); err != nil {
		return nil, err
	}
	return fs.FS.Lock(name)
}

// makeMissing creates an empty file unless the name exists. It does not open an existing file,
// see locking. A dangling link is an error, because the inner file system would create its
// target.
func makeMissing(name string) error {
	err := makeFile(name)
	if errors.Is(err, os.ErrExist) {
		_, err = os.Stat(name)
	}
	return err
}

// makeFile creates an empty file. The error is os.ErrExist if the name exists.
func makeFile(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return err
	}
	return f.Close()
}
