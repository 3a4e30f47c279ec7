package format

import (
	"bytes"
	"encoding/binary"
)

// Mark says how far the log was durable when the mark was written. Each record says this of the
// records before it; the mark says it of the last ones, which have no successor. A mark is a
// hint: it may be old or absent. But it stays true for ever, since no part of the log is written
// twice.
type Mark struct {
	Store   StoreID
	Segment uint64
	Offset  int64 // in that segment, in bytes
}

var markMagic = [8]byte{0xF7, 'T', 'C', 's', 'y', 'n', '\r', '\n'}

const (
	markVersion = 1
	// MarkSize is the size in bytes of the mark's file.
	MarkSize = 8 + 2 + 6 + 16 + 8 + 8 + 4
)

// Encode returns the content of the mark's file.
func (m Mark) Encode() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, MarkSize), markMagic[:]...)
	b = le.AppendUint16(b, markVersion)
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = append(b, m.Store[:]...)
	b = le.AppendUint64(b, m.Segment)
	b = le.AppendUint64(b, uint64(m.Offset))
	return le.AppendUint32(b, Checksum(b))
}

// ParseMark decodes the result of Encode, which must be all of b, and reports whether it is
// valid.
func ParseMark(b []byte) (Mark, bool) {
	if len(b) != MarkSize {
		return Mark{}, false
	}
	le := binary.LittleEndian
	m := Mark{Store: StoreID(b[16:32]), Segment: le.Uint64(b[32:]), Offset: int64(le.Uint64(b[40:]))}
	return m, m.Offset >= 0 && bytes.Equal(m.Encode(), b)
}
