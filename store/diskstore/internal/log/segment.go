package log

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Segment is one open segment file. ID, File and Header do not change.
type Segment struct {
	ID     uint64
	File   vfs.File             // open for writing, too, if it is the last
	Header format.SegmentHeader // zero if it is damaged or cannot be read
	reads  reads                // of its records

	// life is held for reading by whoever reads the file, and for writing by who
	// takes it away.
	life    sync.RWMutex
	retired bool // guarded by life

	// Size and what follows are guarded by Segments.mu once shared, and do not change any
	// more once the segment is sealed.
	Size   int64 // of the file when it was opened, made, or sealed
	end    int64 // of the log in it, if sealed
	sealed bool  // nothing is appended any more
}

// ErrGone says that a segment was retired: what was in it is elsewhere.
var ErrGone = fmt.Errorf("%w: its segment is gone", format.ErrBadRecord)

// Hold keeps the file open until LetGo, and reports whether it still is.
func (s *Segment) Hold() bool {
	s.life.RLock()
	if s.retired {
		s.life.RUnlock()
		return false
	}
	return true
}

// LetGo ends what Hold began.
func (s *Segment) LetGo() { s.life.RUnlock() }

// retire closes the file, once nobody reads it.
func (s *Segment) retire() error {
	s.life.Lock()
	defer s.life.Unlock()
	s.retired = true
	return s.File.Close()
}

// EndBy returns where the log ends in s, as the segment after it says, whether the file
// reaches there or not. One that follows another, since taken away, says nothing, and
// nothing is void.
func (s *Segment) EndBy(following *Segment) int64 {
	if following.Header.Previous != s.ID {
		return s.Size
	}
	return following.Header.PreviousEnd
}

// List returns the ids of the segment files in dir, in order.
func List(fs vfs.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, name := range names {
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
		if err := files.ReadFull(f, b[:], offset); errors.Is(err, format.ErrBadRecord) {
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

// ReadBody returns the body of the record h at an offset of a segment's file, or
// format.ErrBadRecord.
func ReadBody(file vfs.File, h *format.Header, at int64) ([]byte, error) {
	body := make([]byte, h.Length)
	if err := files.ReadFull(file, body, at+format.HeaderSize); err != nil {
		return nil, err
	}
	if format.Checksum(body) != h.BodySum {
		return nil, format.ErrBadRecord
	}
	return body, nil
}
