package files

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
)

// Reserve reserves length bytes at offset. It returns an error that wraps
// store.ErrFull if the file system refuses, and nil where file systems cannot
// reserve: there MinFreeSpace has to be enough.
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

// GiveBack ends the reservation behind the end of a file, on file systems that
// can. It takes no byte of the file away, so nothing needs to be synced.
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

// CheckFree returns an error that wraps store.ErrFull if less than keep bytes would be
// free where dir is once length more are taken. File systems that do not tell count as
// having room, and so do all if keep is negative.
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

// Refusal is the store's error for a write that failed with err: full where
// there is no room, else unavailable.
func Refusal(err error) error {
	isFull := vfs.IsNoSpaceError(err) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, store.ErrFull)
	if isFull && !errors.Is(err, errLeftover) {
		return store.ErrFull
	}
	return store.ErrUnavailable
}
