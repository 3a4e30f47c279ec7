package files

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// ErrUnreadable says that a read failed. That proves nothing about the bytes: nothing is
// marked as damaged for it, nothing is given up, and the next call reads again.
var ErrUnreadable = errors.New("cannot be read at the moment")

// ReadFull fills b from offset. Errors: format.ErrBadRecord if the file ends before, so that
// what should stand there is gone; ErrUnreadable for all else, a read that gives fewer
// bytes than the file has included.
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

// endsBefore says what it means that nothing more could be read before the offset end.
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
