//go:build !windows

package files

import "syscall"

// heldErrno is what some systems have fcntl say, instead of EAGAIN, of a lock that
// another process has.
const heldErrno = syscall.EACCES
