package files

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestLockErrors has the file system return the errors that it may return for a lock,
// on this machine or on others.
func TestLockErrors(t *testing.T) {
	opening := func(errno syscall.Errno) error { return &fs.PathError{Op: "open", Path: "/store/LOCK", Err: errno} }
	for _, test := range []struct {
		says, want, not error
	}{
		{syscall.EAGAIN, ErrLocked, ErrNoLock},
		{heldErrno, ErrLocked, ErrNoLock},
		{opening(syscall.EACCES), ErrNoLock, ErrLocked},
		{opening(syscall.EPERM), ErrNoLock, ErrLocked},
		{opening(syscall.EROFS), ErrNoLock, ErrLocked},
		{opening(syscall.EMFILE), ErrNoLock, ErrLocked},
		{syscall.ENOLCK, ErrNoLock, ErrLocked},
		{errorfs.ErrInjected, ErrNoLock, ErrLocked},
	} {
		broken := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpLock {
				return test.says
			}
			return nil
		}))
		_, err := Lock(broken, "/store")
		if !errors.Is(err, test.want) || errors.Is(err, test.not) || !errors.Is(err, test.says) || !strings.Contains(err.Error(), test.says.Error()) {
			t.Errorf("Lock where the lock says %v = %v", test.says, err)
		}
	}
}
