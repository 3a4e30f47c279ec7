package log

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Scanner walks the records of one segment in the order of their places. It is not safe for
// concurrent use.
type Scanner struct {
	segment *Segment
	file    vfs.File // of segment
	store   format.StoreID
	limit   int64 // the offset where the segment ends
	passes  bool  // whether an unreadable part is skipped as a gap; else it is an error

	buffer [format.HeaderSize]byte
}

// NewScanner returns a scanner of the records in s before the offset limit that belong to the
// store id. If passes is true, it skips unreadable parts as gaps; else they are errors.
func NewScanner(s *Segment, id format.StoreID, limit int64, passes bool) *Scanner {
	return &Scanner{segment: s, file: s.File, store: id, limit: limit, passes: passes}
}

// Gap is a range of bytes that are no records, or that could not be read.
type Gap struct {
	From, To int64
	Unread   bool // a read in it failed, so its content is unknown
}

// Next returns the first record at or after offset, and its offset. The gap skipped is not empty
// if the bytes at offset are no record. At the end found is nil. Errors are those of failed
// reads.
func (s *Scanner) Next(offset int64) (found *format.Header, at int64, skipped Gap, err error) {
	skipped = Gap{From: offset}
	for at = offset; at < s.limit; {
		h, err := s.read(at)
		if errors.Is(err, format.ErrBadRecord) && at == offset {
			h, err = s.mend(at)
		}
		if err == nil {
			skipped.To = at
			return h, at, skipped, nil
		}
		if err = s.pass(err, &skipped); err != nil {
			return nil, at, Gap{}, err
		}
		if at, err = s.find(at+format.Align, &skipped); err != nil {
			return nil, at, Gap{}, err
		}
	}
	skipped.To = s.limit
	return nil, s.limit, skipped, nil
}

// pass returns nil if err makes a gap, and else err. It records a failed read in the gap.
func (s *Scanner) pass(err error, skipped *Gap) error {
	switch {
	case errors.Is(err, format.ErrBadRecord):
		return nil
	case s.passes && errors.Is(err, files.ErrUnreadable):
		skipped.Unread = true
		return nil
	}
	return err
}

// read returns the header of the record at offset, or format.ErrBadRecord.
func (s *Scanner) read(offset int64) (*format.Header, error) {
	if err := s.fill(offset); err != nil {
		return nil, err
	}
	return s.parse(offset)
}

// fill reads the bytes of a possible header at offset into the buffer.
func (s *Scanner) fill(offset int64) error {
	if offset+format.HeaderSize > s.limit {
		return format.ErrBadRecord
	}
	return files.ReadFull(s.file, s.buffer[:], offset)
}

// mend is read for a header damaged by one flipped bit. It is used only where a record ends,
// because the next header must be there. At most one of the headers that differ from the bytes in
// one bit has the right checksum. The torrent still counts as damaged, but its ids are known, and a
// removal stays in force.
func (s *Scanner) mend(offset int64) (*format.Header, error) {
	if err := s.fill(offset); err != nil {
		return nil, err
	}
	for i := range s.buffer {
		for bit := byte(1); bit != 0; bit <<= 1 {
			s.buffer[i] ^= bit
			h, err := s.parse(offset)
			s.buffer[i] ^= bit
			if err == nil {
				h.Mended = true
				return h, nil
			}
		}
	}
	return nil, format.ErrBadRecord
}

// parse returns the header in the buffer if it belongs at offset.
func (s *Scanner) parse(offset int64) (*format.Header, error) {
	h, err := format.ParseHeader(s.buffer[:])
	if err != nil {
		return nil, err
	}
	stands := h.Store == s.store && h.Segment == s.segment.ID &&
		h.Synced <= uint64(offset) && offset+h.Size() <= s.limit
	if !stands {
		return nil, format.ErrBadRecord
	}
	return &h, nil
}

// find returns the next offset at or after from where a record may begin; the limit if there is
// none.
func (s *Scanner) find(from int64, skipped *Gap) (int64, error) {
	const most, least = 1 << 20, 4096 // bytes per read; the least is the block of a disk
	buffer := make([]byte, most)
	for size := int64(most); from < s.limit; {
		// Each read ends at a multiple of format.Align, so that it cuts no magic in two.
		b := buffer[:min(size-from%least, s.limit-from)]
		err := files.ReadFull(s.file, b, from)
		switch {
		case err == nil:
			if i := format.FindMagic(b); i >= 0 {
				return from + int64(i), nil
			}
		case size > least:
			size = least
			continue
		default:
			if err := s.pass(err, skipped); err != nil {
				return from, err
			}
		}
		from += int64(len(b))
	}
	return s.limit, nil
}
