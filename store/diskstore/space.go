package diskstore

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
)

// reserveStep is how many bytes of a segment are reserved at a time. Space is
// refused there, before a write could fail half way.
const reserveStep = 16 << 20

// preallocate reserves length bytes at offset. It returns an error that wraps
// store.ErrFull if the file system refuses, and nil where file systems cannot
// reserve: there MinFreeSpace has to be enough.
func preallocate(f vfs.File, offset, length int64) error {
	err := f.Preallocate(offset, length)
	switch {
	case err == nil,
		errors.Is(err, errors.ErrUnsupported),
		errors.Is(err, syscall.EINVAL):
		return nil
	}
	return fmt.Errorf("%w: reserving %d bytes: %w", store.ErrFull, length, err)
}

// giveBack ends the reservation behind the end of a file, on file systems that
// can. It takes no byte of the file away, so nothing needs to be synced.
func giveBack(f vfs.File) error {
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

// checkFree returns an error that wraps store.ErrFull if less than
// MinFreeSpace would be free once length more bytes are taken. File systems
// that do not tell count as having room.
func checkFree(o Options, length int64) error {
	if o.MinFreeSpace < 0 {
		return nil
	}
	usage, err := o.FS.GetDiskUsage(o.Dir)
	if err == nil && usage.AvailBytes < uint64(o.MinFreeSpace)+uint64(length) {
		return fmt.Errorf("%w: %d bytes are free, %d must stay free", store.ErrFull, usage.AvailBytes, o.MinFreeSpace)
	}
	return nil
}
