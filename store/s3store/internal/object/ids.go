package object

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// SessionID is the number of a session of one node.
type SessionID [8]byte

// WriteID identifies one write. It is the same in each try of that write.
type WriteID struct {
	Session SessionID
	Counter uint64
}

// Append appends the bytes of w to b.
func (w WriteID) Append(b []byte) []byte {
	b = append(b, w.Session[:]...)
	return binary.BigEndian.AppendUint64(b, w.Counter)
}

// ParseWriteID reads the result of Append from the beginning of b, which must be long enough.
func ParseWriteID(b []byte) WriteID {
	return WriteID{Session: SessionID(b), Counter: binary.BigEndian.Uint64(b[8:])}
}

// The flags of a header say which ids it has, and whether its tombstone is in advance. Entries
// of the feed use the first two.
const flagV1, flagV2, flagAhead = 1, 2, 4

// idFlags returns the flags of the ids that a set has.
func idFlags(ids infohash.Set) (flags byte) {
	if !ids.V1.IsZero() {
		flags |= flagV1
	}
	if !ids.V2.IsZero() {
		flags |= flagV2
	}
	return flags
}

// appendIDs appends v1 and v2 of ids, with zeros for a missing one.
func appendIDs(b []byte, ids infohash.Set) []byte {
	var v1 [infohash.SizeV1]byte
	var v2 [infohash.SizeV2]byte
	ids.V1.AppendTo(v1[:0])
	ids.V2.AppendTo(v2[:0])
	return append(append(b, v1[:]...), v2[:]...)
}

// parseIDs reads from the beginning of b the ids that flags name.
func parseIDs(flags byte, b []byte) (ids infohash.Set) {
	if flags&flagV1 != 0 {
		ids.V1 = infohash.V1([infohash.SizeV1]byte(b))
	}
	if flags&flagV2 != 0 {
		ids.V2 = infohash.V2([infohash.SizeV2]byte(b[infohash.SizeV1:]))
	}
	return ids
}

// noTime encodes the zero time.
const noTime = math.MinInt64

func appendTime(b []byte, t time.Time) []byte {
	seconds := int64(noTime)
	if !t.IsZero() {
		seconds = t.Unix()
	}
	return binary.BigEndian.AppendUint64(b, uint64(seconds))
}

func parseTime(b []byte) time.Time {
	seconds := int64(binary.BigEndian.Uint64(b))
	if seconds == noTime {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
