package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Errors of the lock. With either of them, nothing of the store was read or changed.
var (
	// ErrLocked says that another process, or this one, has the store open.
	ErrLocked = errors.New("the store is in use by another process")
	// ErrNoLock says that taking the lock failed, for example for lack of permission. The store
	// may be open elsewhere or not.
	ErrNoLock = errors.New("its lock cannot be taken")
)

// Lock takes the lock of the store in dir. Errors wrap ErrLocked or ErrNoLock.
func Lock(fs vfs.FS, dir string) (io.Closer, error) {
	lock, err := fs.Lock(fs.PathJoin(dir, LockName))
	switch {
	case err == nil:
		return lock, nil
	case isHeld(err):
		return nil, fmt.Errorf("%w: %w", ErrLocked, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrNoLock, err)
}

// isHeld reports whether an error of vfs.FS.Lock says that the lock is held. The file system
// opens the file and then locks it. EACCES of the first step is a lack of permission and comes
// with the file's path; EACCES of the second is a held lock.
func isHeld(err error) bool {
	if _, opening := errors.AsType[*os.PathError](err); opening {
		return false
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno == syscall.EAGAIN || errno == heldErrno
	}
	// Pebble (2.1.7) has no error value for a lock held by this process.
	return strings.Contains(err.Error(), "held by current process")
}
