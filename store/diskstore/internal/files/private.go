package files

import (
	"errors"
	"io"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Modes of what a store makes, whatever the umask allows: torrents hold passkeys.
const (
	privateFile = 0o600
	privateDir  = 0o700
)

// privateFS is the file system of the operating system, on which all that is made is
// for its owner alone. It makes a file with its mode by a call of its own, and the
// inner file system then opens it: a mode that is set afterwards leaves a moment in
// which a stranger can open the file, and keep it open. If that second call fails an
// empty file stays, as after a crash at that moment. What is there already keeps its
// mode, and so does what is renamed or linked; hence the methods that are not here.
type privateFS struct{ vfs.FS }

// Private returns inner as one on which all that is made is for its owner alone. Its names
// must be those of the operating system.
func Private(inner vfs.FS) vfs.FS { return privateFS{inner} }

// systemFS is what System returns.
var systemFS = Private(vfs.Default)

// System returns the operating system's file system, on which all that is made is for its
// owner alone. It is safe for concurrent use.
func System() vfs.FS { return systemFS }

// IsSystem reports whether files of fs are those of the operating system and do
// nothing more, so that their descriptors stand for them.
func IsSystem(fs vfs.FS) bool { return fs == vfs.Default || fs == systemFS }

// Unwrap implements vfs.FS.
func (fs privateFS) Unwrap() vfs.FS { return fs.FS }

// Create implements vfs.FS. As the inner one does, it takes a file away that has the
// name instead of emptying it, which may have other names.
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

// locking is held while a lock is taken. Whoever closes any descriptor of a file lets
// go of all locks that the process has on it, so that no file of a lock may be made
// while another goroutine locks it.
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

// makeMissing makes an empty file unless there is one. It does not open what is
// there, see locking. A link that leads nowhere is an error, for the inner file system
// would make what it leads to.
func makeMissing(name string) error {
	err := makeFile(name)
	if errors.Is(err, os.ErrExist) {
		_, err = os.Stat(name)
	}
	return err
}

// makeFile makes an empty file. The error is os.ErrExist if the name is taken.
func makeFile(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return err
	}
	return f.Close()
}
