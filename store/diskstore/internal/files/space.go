package files

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
)

// Reserve reserves length bytes at offset. It returns an error that wraps store.ErrFull if the
// file system refuses, and nil on file systems that cannot reserve, where MinFreeSpace must do.
func Reserve(f vfs.File, offset, length int64) error {
	err := f.Preallocate(offset, length)
	switch {
	case err == nil,
		errors.Is(err, errors.ErrUnsupported),
		errors.Is(err, syscall.EINVAL):
		return nil
	}
	return fmt.Errorf("%w: reserving %d bytes: %w", store.ErrFull, length, err)
}

// GiveBack releases the space reserved after the end of a file, on file systems that can. It
// does not change the content, so nothing needs a sync.
func GiveBack(f vfs.File) error {
	truncater, ok := f.(interface{ Truncate(size int64) error })
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return truncater.Truncate(info.Size())
}

// CheckFree returns an error that wraps store.ErrFull if, after length more bytes, less than
// keep bytes would be free on the file system of dir. If keep is negative or the free space is
// unknown, it returns nil.
func CheckFree(fs vfs.FS, dir string, keep, length int64) error {
	if keep < 0 {
		return nil
	}
	usage, err := fs.GetDiskUsage(dir)
	if err == nil && usage.AvailBytes < uint64(keep)+uint64(length) {
		return fmt.Errorf("%w: %d bytes are free, %d must stay free", store.ErrFull, usage.AvailBytes, keep)
	}
	return nil
}

// Refusal returns the store's error for a write that failed with err: ErrFull for a lack of
// room, else ErrUnavailable.
func Refusal(err error) error {
	isFull := vfs.IsNoSpaceError(err) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, store.ErrFull)
	if isFull && !errors.Is(err, errLeftover) {
		return store.ErrFull
	}
	return store.ErrUnavailable
}
