//go:build unix

package files

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// IsLockHeld reports whether another process holds the lock of a file, which this one may
// read and not write to.
func IsLockHeld(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	return unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock) == nil && lock.Type != unix.F_UNLCK
}

// IsShared reports whether a file has more than one name.
func IsShared(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 1
}
