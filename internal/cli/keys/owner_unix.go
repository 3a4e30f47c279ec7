//go:build unix

package keys

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives f the owner and the group in before, which describes the file that f replaces.
func keepOwner(f *os.File, before fs.FileInfo) error {
	was, ok := before.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := now.Sys().(*syscall.Stat_t); ok && is.Uid == was.Uid && is.Gid == was.Gid {
		return nil // chown takes a privilege that the user may lack
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}
