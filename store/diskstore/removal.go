package diskstore

import (
	"encoding/binary"
	"time"

	"github.com/torrentcache/torrentcache/store"
)

// removalFixed is the size in bytes of an encoded removal without its texts:
// the time in seconds since 1970, the lengths of reason and reference.
const removalFixed = 8 + 2 + 2

// appendRemoval appends r to b, as the body of a removal's record and as the
// last part of an index entry. The texts are at most store.MaxRemovalText long.
func appendRemoval(b []byte, r store.Removal) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, uint64(r.Time.Unix()))
	b = le.AppendUint16(b, uint16(len(r.Reason)))
	b = le.AppendUint16(b, uint16(len(r.Reference)))
	b = append(b, r.Reason...)
	return append(b, r.Reference...)
}

// parseRemoval reads what appendRemoval wrote, which is all of b.
func parseRemoval(b []byte) (store.Removal, error) {
	if len(b) < removalFixed {
		return store.Removal{}, errBadRecord
	}
	le := binary.LittleEndian
	reason, reference := int(le.Uint16(b[8:])), int(le.Uint16(b[10:]))
	texts := b[removalFixed:]
	if len(texts) != reason+reference {
		return store.Removal{}, errBadRecord
	}
	return store.Removal{
		Reason:    string(texts[:reason]),
		Reference: string(texts[reason:]),
		Time:      time.Unix(int64(le.Uint64(b)), 0).UTC(),
	}, nil
}
