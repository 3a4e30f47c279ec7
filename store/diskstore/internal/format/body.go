package format

import (
	"encoding/binary"
	"time"

	"github.com/torrentcache/torrentcache/store"
)

// removalFixed is the size in bytes of an encoded removal without its texts: the Unix time, and
// the lengths of reason and reference.
const removalFixed = 8 + 2 + 2

// AppendRemoval appends r to b. It is the body of a removal's record and the last part of an
// index entry. Each text has at most store.MaxRemovalText bytes.
func AppendRemoval(b []byte, r store.Removal) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, uint64(r.Time.Unix()))
	b = le.AppendUint16(b, uint16(len(r.Reason)))
	b = le.AppendUint16(b, uint16(len(r.Reference)))
	b = append(b, r.Reason...)
	return append(b, r.Reference...)
}

// ParseRemoval decodes the result of AppendRemoval, which must be all of b.
func ParseRemoval(b []byte) (store.Removal, error) {
	if len(b) < removalFixed {
		return store.Removal{}, ErrBadRecord
	}
	le := binary.LittleEndian
	reason, reference := int(le.Uint16(b[8:])), int(le.Uint16(b[10:]))
	texts := b[removalFixed:]
	if len(texts) != reason+reference {
		return store.Removal{}, ErrBadRecord
	}
	return store.Removal{
		Reason:    string(texts[:reason]),
		Reference: string(texts[reason:]),
		Time:      time.Unix(int64(le.Uint64(b)), 0).UTC(),
	}, nil
}

// AppendValue appends the body of a value's record: the length of the name, the name, the
// value.
func AppendValue(b []byte, name string, value []byte) []byte {
	b = append(b, byte(len(name)))
	return append(append(b, name...), value...)
}

// ParseValue decodes the result of AppendValue.
func ParseValue(b []byte) (name string, value []byte, err error) {
	if len(b) < 1 || len(b)-1 < int(b[0]) {
		return "", nil, ErrBadRecord
	}
	end := 1 + int(b[0])
	return string(b[1:end]), b[end:], nil
}
