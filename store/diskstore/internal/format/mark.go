package format

import (
	"bytes"
	"encoding/binary"
)

// Mark says how far the log was on disk when it was written. A record tells that
// of those before it; the mark tells it of the last ones, behind which nothing is
// written any more. It is a hint: it may be old, or not be there, but what it
// says is true for ever, since nothing is written twice.
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

// Encode returns what the file of the mark holds.
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

// ParseMark reads what encode wrote, which is all of b, and reports whether it is that.
func ParseMark(b []byte) (Mark, bool) {
	if len(b) != MarkSize {
		return Mark{}, false
	}
	le := binary.LittleEndian
	m := Mark{Store: StoreID(b[16:32]), Segment: le.Uint64(b[32:]), Offset: int64(le.Uint64(b[40:]))}
	return m, m.Offset >= 0 && bytes.Equal(m.Encode(), b)
}
