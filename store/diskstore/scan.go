package diskstore

import (
	"bytes"
	"errors"
)

// scanner walks the records of one segment in the order of their places.
type scanner struct {
	segment *segment
	store   storeID
	limit   int64 // the offset where the segment ends

	buffer [recordHeaderSize]byte
}

// gap is a range of bytes that are no records.
type gap struct{ from, to int64 }

// next returns the first record at or behind offset and where it stands. What
// was skipped to reach it is not empty if bad bytes stand at offset. At the end
// found is nil.
func (s *scanner) next(offset int64) (found *header, at int64, skipped gap, err error) {
	for at = offset; at < s.limit; {
		h, err := s.read(at)
		if err == nil {
			return h, at, gap{offset, at}, nil
		}
		if !errors.Is(err, errBadRecord) {
			return nil, at, gap{}, err
		}
		if at, err = s.find(at + recordAlign); err != nil {
			return nil, at, gap{}, err
		}
	}
	return nil, s.limit, gap{offset, s.limit}, nil
}

// read returns the header of the record at offset, or errBadRecord.
func (s *scanner) read(offset int64) (*header, error) {
	if offset+recordHeaderSize > s.limit {
		return nil, errBadRecord
	}
	if err := readFull(s.segment.file, s.buffer[:], offset); err != nil {
		return nil, err
	}
	h, err := parseHeader(s.buffer[:])
	if err != nil {
		return nil, err
	}
	stands := h.store == s.store && h.segment == s.segment.id &&
		h.synced <= uint64(offset) && offset+h.size() <= s.limit
	if !stands {
		return nil, errBadRecord
	}
	return &h, nil
}

// find returns the next offset at or behind from where a record may begin, the
// limit if there is none.
func (s *scanner) find(from int64) (int64, error) {
	const chunk = 1 << 20
	buffer := make([]byte, chunk+len(recordMagic))
	for from < s.limit {
		b := buffer[:min(int64(len(buffer)), s.limit-from)]
		if err := readFull(s.segment.file, b, from); err != nil {
			return from, err
		}
		if i := alignedMagic(b); i >= 0 {
			return from + int64(i), nil
		}
		from += chunk
	}
	return s.limit, nil
}

// alignedMagic returns the first multiple of recordAlign where recordMagic
// stands in b, -1 if there is none.
func alignedMagic(b []byte) int {
	for i := 0; ; {
		j := bytes.Index(b[i:], recordMagic[:])
		if j < 0 {
			return -1
		}
		if i += j; i%recordAlign == 0 {
			return i
		}
		i++
	}
}
