//go:build unix

package diskstore

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// isLockHeld reports whether another process holds the lock of a file, which this one may
// read and not write to.
func isLockHeld(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	return unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock) == nil && lock.Type != unix.F_UNLCK
}
