package log

import (
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// ReadMark returns the mark in the folder of a store. It is zero if there is none, if it is
// torn, or, with giveUp, if it cannot be read.
func ReadMark(fs vfs.FS, dir string, giveUp bool) (format.Mark, error) {
	f, err := fs.Open(fs.PathJoin(dir, files.SyncedName))
	if errors.Is(err, os.ErrNotExist) {
		return format.Mark{}, nil
	}
	if err != nil {
		return format.Mark{}, err
	}
	defer f.Close()
	var b [format.MarkSize]byte
	switch err := files.ReadFull(f, b[:], 0); {
	case errors.Is(err, format.ErrBadRecord), err != nil && giveUp:
		return format.Mark{}, nil
	case err != nil:
		return format.Mark{}, fmt.Errorf("reading %s: %w", files.SyncedName, err)
	}
	m, ok := format.ParseMark(b[:])
	if !ok {
		return format.Mark{}, nil
	}
	return m, nil
}

// ProvenBy returns the offset up to which m proves that s, the last segment, was synced.
func (s *Segment) ProvenBy(m format.Mark) int64 {
	if m.Segment != s.ID {
		return 0
	}
	return min(m.Offset, s.Size)
}

// EndsBefore reports whether m proves that some of the log after s, the last segment, is
// missing.
func (s *Segment) EndsBefore(m format.Mark) bool {
	return m.Segment > s.ID || m.Segment == s.ID && m.Offset > s.Size
}
