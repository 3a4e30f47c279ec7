package files

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// ErrUnreadable says that a read failed. That proves nothing about the bytes: nothing is marked
// as damaged or given up for it, and the next call reads again.
var ErrUnreadable = errors.New("cannot be read at the moment")

// ReadFull fills b from offset. The error is format.ErrBadRecord if the file ends too early, so
// that bytes are missing. It is ErrUnreadable for any other failure, including a read that
// returns fewer bytes than the file has.
func ReadFull(f vfs.File, b []byte, offset int64) error {
	for n := 0; n < len(b); {
		more, err := f.ReadAt(b[n:], offset+int64(n))
		n += more
		switch {
		case n == len(b):
		case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: %w", ErrUnreadable, err)
		case more == 0:
			return endsBefore(f, offset+int64(len(b)))
		}
	}
	return nil
}

// endsBefore returns the error of a read that made no progress before the offset end.
func endsBefore(f vfs.File, end int64) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	case info.Size() < end:
		return format.ErrBadRecord
	}
	return fmt.Errorf("%w: %w", ErrUnreadable, io.ErrNoProgress)
}
