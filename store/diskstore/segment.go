package diskstore

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// ErrNewerFormat says that a newer version of the program wrote the files.
var ErrNewerFormat = format.ErrNewerFormat

// segment is one open segment file.
type segment struct {
	id     uint64
	file   vfs.File
	header format.SegmentHeader
	reads  reads // of its records

	// life is held for reading by whoever reads the file, and for writing by who
	// takes it away.
	life    sync.RWMutex
	retired bool // guarded by life

	// Guarded by segments.mu once shared:
	size   int64 // of the file when it was opened, made, or sealed
	end    int64 // of the log in it, if sealed
	sealed bool  // nothing is appended any more
}

// errSegmentGone says that a segment was retired: what was in it is elsewhere.
var errSegmentGone = fmt.Errorf("%w: its segment is gone", format.ErrBadRecord)

// hold keeps the file open until letGo, and reports whether it still is.
func (s *segment) hold() bool {
	s.life.RLock()
	if s.retired {
		s.life.RUnlock()
		return false
	}
	return true
}

func (s *segment) letGo() { s.life.RUnlock() }

// retire closes the file, once nobody reads it.
func (s *segment) retire() error {
	s.life.Lock()
	defer s.life.Unlock()
	s.retired = true
	return s.file.Close()
}

// endBy returns where the log ends in s, as the segment after it says, whether the file
// reaches there or not. One that follows another, since taken away, says nothing, and
// nothing is void.
func (s *segment) endBy(following *segment) int64 {
	if following.header.Previous != s.id {
		return s.size
	}
	return following.header.PreviousEnd
}

// listSegments returns the ids of the segment files in dir, in order.
func listSegments(fs vfs.FS, dir string) ([]uint64, error) {
	files, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, name := range files {
		if id, ok := format.SegmentID(name); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// readSegmentHeader reads the header of f from whichever copy is whole. Errors:
// ErrNewerFormat, format.ErrNoSegmentHeader if neither is, or that of the read.
func readSegmentHeader(f vfs.File) (format.SegmentHeader, error) {
	var unread error
	for _, offset := range []int64{0, format.SegmentCopy} {
		var b [format.SegmentHeaderSize]byte
		if err := readFull(f, b[:], offset); errors.Is(err, format.ErrBadRecord) {
			continue
		} else if err != nil {
			unread = err
			continue
		}
		h, err := format.ParseSegmentHeader(b[:])
		if !errors.Is(err, format.ErrNoSegmentHeader) {
			return h, err
		}
	}
	return format.SegmentHeader{}, cmp.Or(unread, format.ErrNoSegmentHeader)
}
