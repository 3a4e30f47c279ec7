//go:build unix

package files

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// heldErrno is the error of fcntl, on some systems instead of EAGAIN, for a lock that another
// process holds.
const heldErrno = syscall.EACCES

// IsLockHeld reports whether another process holds the lock of a file. It needs only read
// permission.
func IsLockHeld(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	return unix.FcntlFlock(f.Fd(), unix.F_GETLK, &lock) == nil && lock.Type != unix.F_UNLCK
}

// IsShared reports whether a file has more than one hard link.
func IsShared(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 1
}
