//go:build unix

package diskstore

import (
	"os"
	"syscall"
)

// isShared reports whether a file has more than one name.
func isShared(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink > 1
}
