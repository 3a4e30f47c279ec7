//go:build !unix

package files

import "os"

// IsLockHeld reports whether another process holds the lock of a file, which this one may
// read and not write to: here the lock itself tells.
func IsLockHeld(string) bool { return false }

// IsShared reports whether a file may have more than one name: nobody can tell here.
func IsShared(os.FileInfo) bool { return true }
