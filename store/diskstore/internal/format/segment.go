package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// SegmentHeaderSize is the size in bytes of one copy of a segment's header.
	SegmentHeaderSize = 80
	// SegmentCopy is the offset of the second copy of the segment header. The copies are in
	// different blocks, so that one bad block does not hide both.
	SegmentCopy = 4096
	// SegmentStart is the offset of the first record.
	SegmentStart   = 2 * SegmentCopy
	segmentVersion = 2
	// SegmentSuffix ends the name of a segment's file.
	SegmentSuffix = ".segment"
)

var segmentMagic = [8]byte{0xF7, 'T', 'C', 's', 'e', 'g', '\r', '\n'}

var (
	// ErrNoSegmentHeader says that bytes are not an intact segment header.
	ErrNoSegmentHeader = errors.New("no readable segment header")
	// ErrNewerFormat says that a newer version of the program wrote the files.
	ErrNewerFormat = errors.New("written by a newer version")
)

// SegmentHeader is at the beginning of a segment file, twice.
type SegmentHeader struct {
	Store   StoreID
	Segment uint64 // the id of this segment, from 1, as in the name of its file
	// Epoch is part of every feed cursor. Restoring a backup raises it, since sequences are then
	// used a second time.
	Epoch uint64
	// Previous is the segment that was active before this one, 0 if none. PreviousEnd is the
	// offset of its end: bytes after it were torn and are void.
	Previous    uint64
	PreviousEnd int64
	Created     int64 // seconds since 1970
}

// Encode returns the SegmentStart bytes that precede the first record.
func (h SegmentHeader) Encode() []byte {
	le := binary.LittleEndian
	b := append([]byte(nil), segmentMagic[:]...)
	b = le.AppendUint16(b, segmentVersion)
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = append(b, h.Store[:]...)
	b = le.AppendUint64(b, h.Segment)
	b = le.AppendUint64(b, h.Epoch)
	b = le.AppendUint64(b, h.Previous)
	b = le.AppendUint64(b, uint64(h.PreviousEnd))
	b = le.AppendUint64(b, uint64(h.Created))
	b = append(b, 0, 0, 0, 0)
	b = le.AppendUint32(b, Checksum(b))
	area := make([]byte, SegmentStart)
	copy(area, b)
	copy(area[SegmentCopy:], b)
	return area
}

// ParseSegmentHeader decodes one copy. The magic, the version and the checksum have the same
// place in every version of the format.
func ParseSegmentHeader(b []byte) (SegmentHeader, error) {
	le := binary.LittleEndian
	last := SegmentHeaderSize - 4
	if !bytes.HasPrefix(b, segmentMagic[:]) || Checksum(b[:last]) != le.Uint32(b[last:]) {
		return SegmentHeader{}, ErrNoSegmentHeader
	}
	switch version := le.Uint16(b[8:]); {
	case version > segmentVersion:
		return SegmentHeader{}, fmt.Errorf("%w: format %d; this program knows format %d", ErrNewerFormat, version, segmentVersion)
	case version < segmentVersion:
		return SegmentHeader{}, fmt.Errorf("format %d was never released; this program knows format %d", version, segmentVersion)
	}
	return SegmentHeader{
		Store:       StoreID(b[16:32]),
		Segment:     le.Uint64(b[32:]),
		Epoch:       le.Uint64(b[40:]),
		Previous:    le.Uint64(b[48:]),
		PreviousEnd: int64(le.Uint64(b[56:])),
		Created:     int64(le.Uint64(b[64:])),
	}, nil
}

// SegmentName returns the name of the file of the segment id.
func SegmentName(id uint64) string { return fmt.Sprintf("%012d%s", id, SegmentSuffix) }

// SegmentID returns the id in the name of a segment file.
func SegmentID(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, SegmentSuffix)
	id, err := strconv.ParseUint(digits, 10, 64)
	return id, ok && err == nil && id > 0 && SegmentName(id) == name
}
