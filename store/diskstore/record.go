package diskstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

const (
	recordHeaderSize = 152 // bytes, a multiple of recordAlign
	recordAlign      = 8   // every record begins at a multiple of it
	recordVersion    = 2

	// maxBody is the longest body in bytes: room for any torrent that a server
	// would accept, and a bound for what a header can make a reader allocate.
	maxBody = 1 << 30
)

// recordMagic begins every record. Its first byte is no text, so that no
// .torrent contains it by chance in its keys.
var recordMagic = [8]byte{0xF7, 'T', 'C', 'r', 'e', 'c', '\r', '\n'}

// castagnoli is the polynomial of every checksum in the store.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errBadRecord says that bytes are no record, or one that was changed.
var errBadRecord = errors.New("not a valid record")

// Kinds of records that are about no torrent. Kinds below them are those of the feed.
const (
	kindValue store.ChangeKind = 32 // it keeps a named value
	// kindVoid is that of a record which a crash tore: recovery writes this header over
	// its own, lest an index that is built anew takes it for one that was acknowledged.
	kindVoid store.ChangeKind = 33
)

// storeID tells the records of one store from those of every other.
type storeID [16]byte

// names says which of a torrent's ids a record is about. A put is about all;
// a removal in advance of a v2 id about that one, not about its short form.
type names uint8

const (
	nameV1    names = 1 << iota // V1
	nameV2                      // V2
	nameShort                   // the first 20 bytes of V2
)

// namesOf returns the names of all ids of set.
func namesOf(set infohash.Set) names {
	var n names
	if !set.V1.IsZero() {
		n |= nameV1
	}
	if !set.V2.IsZero() {
		n |= nameV2 | nameShort
	}
	return n
}

// ids returns the ids of set that n names.
func (n names) ids(set infohash.Set) []infohash.ID {
	if n == nameV2 {
		return []infohash.ID{set.V2}
	}
	return set.All()
}

// header is the fixed part of a record. A body of length bytes follows it, then
// zeros up to the next multiple of recordAlign.
type header struct {
	kind     store.ChangeKind
	names    names
	rank     store.Rank // of the writer; of puts only
	lost     bool       // the put's bytes were found damaged and are gone; it has no body
	void     bool       // of removals and restorations: the bytes put before are gone
	store    storeID
	segment  uint64 // the id of the segment that the record stands in
	sequence uint64 // orders all records of a store; a copy keeps it
	// synced is how far this segment was known to be on disk when the record was
	// written, as an offset. All that lies before it was acknowledged, so a bad
	// record there is damage and not a torn write.
	synced     uint64
	time       int64 // seconds since 1970
	ids        infohash.Set
	infoOffset uint32 // of puts only, like all that follows up to bodySum
	infoLength uint32
	version    store.Version // of the body
	length     uint32        // of the body, in bytes
	bodySum    uint32        // CRC32C of the body

	mended bool                    // not written: a bit of it was flipped on disk
	raw    *[recordHeaderSize]byte // of a kind that this program does not know, as it is on disk
}

// size returns the bytes that the record takes in its segment.
func (h *header) size() int64 { return recordSize(int(h.length)) }

// recordSize returns the bytes that a record with such a body takes.
func recordSize(body int) int64 {
	return (recordHeaderSize + int64(body) + recordAlign - 1) &^ (recordAlign - 1)
}

// isPut reports whether the body is a torrent, or was before it was lost.
func (h *header) isPut() bool {
	return h.kind == store.ChangeAdded || h.kind == store.ChangeReplaced
}

// isKnown reports whether this program knows what a record of the kind says. One that
// it does not know, of a newer program, it keeps and passes over.
func (h *header) isKnown() bool {
	return h.kind >= store.ChangeAdded && h.kind <= store.ChangeDropped || h.kind == kindValue || h.kind == kindVoid
}

// isWord reports whether the record says something of a torrent without having it.
func (h *header) isWord() bool {
	return h.kind >= store.ChangeRemoved && h.kind <= store.ChangeDropped
}

// leavesNoBytes reports whether no bytes are there any more of what was put before.
func (h *header) leavesNoBytes() bool { return h.void || h.kind == store.ChangeDropped }

// The flags of a header.
const (
	recordLost = 1 << iota
	recordVoid
)

func (h *header) flags() (flags byte) {
	if h.lost {
		flags |= recordLost
	}
	if h.void {
		flags |= recordVoid
	}
	return flags
}

// appendRecord appends the record of h and body to b and returns the result. It
// sets the length of h; the checksum must be there.
func appendRecord(b []byte, h *header, body []byte) []byte {
	h.length = uint32(len(body))
	b = appendHeader(b, h)
	b = append(b, body...)
	padding := h.size() - recordHeaderSize - int64(len(body))
	return append(b, make([]byte, padding)...)
}

// appendHeader appends the recordHeaderSize bytes of h to b.
func appendHeader(b []byte, h *header) []byte {
	start := len(b)
	le := binary.LittleEndian
	if h.raw != nil {
		b = append(b, h.raw[:recordHeaderSize-4]...)
		le.PutUint64(b[start+32:], h.segment)
		le.PutUint64(b[start+48:], h.synced)
		return le.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	}
	b = append(b, recordMagic[:]...)
	b = le.AppendUint16(b, recordVersion)
	b = append(b, byte(h.kind), byte(h.names), byte(h.rank), h.flags(), 0, 0)
	b = append(b, h.store[:]...)
	b = le.AppendUint64(b, h.segment)
	b = le.AppendUint64(b, h.sequence)
	b = le.AppendUint64(b, h.synced)
	b = le.AppendUint64(b, uint64(h.time))
	b = appendFixedID(b, h.ids.V1, infohash.SizeV1)
	b = appendFixedID(b, h.ids.V2, infohash.SizeV2)
	b = le.AppendUint32(b, h.infoOffset)
	b = le.AppendUint32(b, h.infoLength)
	b = append(b, h.version[:]...)
	b = le.AppendUint32(b, h.length)
	b = le.AppendUint32(b, h.bodySum)
	return le.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// appendFixedID appends the size bytes of id, or as many zeros if it is none.
func appendFixedID(b []byte, id infohash.ID, size int) []byte {
	if id.IsZero() {
		return append(b, make([]byte, size)...)
	}
	return id.AppendTo(b)
}

// parseHeader reads the header at the beginning of b. Anything but the exact
// bytes that appendHeader writes is errBadRecord.
func parseHeader(b []byte) (header, error) {
	if len(b) < recordHeaderSize || !bytes.HasPrefix(b, recordMagic[:]) {
		return header{}, errBadRecord
	}
	b = b[:recordHeaderSize]
	le := binary.LittleEndian
	const last = recordHeaderSize - 4
	if crc32.Checksum(b[:last], castagnoli) != le.Uint32(b[last:]) || le.Uint16(b[8:]) != recordVersion {
		return header{}, errBadRecord
	}
	h := header{
		kind:       store.ChangeKind(b[10]),
		names:      names(b[11]),
		rank:       store.Rank(b[12]),
		lost:       b[13]&recordLost != 0,
		void:       b[13]&recordVoid != 0,
		store:      storeID(b[16:32]),
		segment:    le.Uint64(b[32:]),
		sequence:   le.Uint64(b[40:]),
		synced:     le.Uint64(b[48:]),
		time:       int64(le.Uint64(b[56:])),
		infoOffset: le.Uint32(b[116:]),
		infoLength: le.Uint32(b[120:]),
		version:    store.Version(b[124:140]),
		length:     le.Uint32(b[140:]),
		bodySum:    le.Uint32(b[144:]),
	}
	switch {
	case h.segment == 0 || h.sequence == 0 || h.length > maxBody:
		return header{}, errBadRecord
	case !h.isKnown():
		return h.asUnknown(b), nil
	}
	h.ids = h.names.read(b)
	if !h.valid() || !unusedIsZero(&h, b) {
		return header{}, errBadRecord
	}
	return h, nil
}

// asUnknown returns the fields of h that records of all kinds have, and b as it is.
func (h *header) asUnknown(b []byte) header {
	return header{
		kind: h.kind, store: h.store, segment: h.segment, sequence: h.sequence, synced: h.synced,
		length: h.length, bodySum: h.bodySum, raw: (*[recordHeaderSize]byte)(bytes.Clone(b)),
	}
}

// read returns the ids that n says a header has, which b is.
func (n names) read(b []byte) (ids infohash.Set) {
	if n&nameV1 != 0 {
		ids.V1 = infohash.V1([infohash.SizeV1]byte(b[64:84]))
	}
	if n&nameV2 != 0 {
		ids.V2 = infohash.V2([infohash.SizeV2]byte(b[84:116]))
	}
	return ids
}

// unusedIsZero reports whether b, from which h was read, has zeros where appendHeader
// writes zeros.
func unusedIsZero(h *header, b []byte) bool {
	noV1 := [infohash.SizeV1]byte(b[64:84]) == [infohash.SizeV1]byte{}
	noV2 := [infohash.SizeV2]byte(b[84:116]) == [infohash.SizeV2]byte{}
	return b[13] == h.flags() && b[14] == 0 && b[15] == 0 &&
		(noV1 || h.names&nameV1 != 0) && (noV2 || h.names&nameV2 != 0)
}

// valid reports whether the fields of h, whose kind is known, agree with one another.
func (h *header) valid() bool {
	switch {
	case h.kind == kindValue, h.kind == kindVoid:
		return h.names == 0 && h.isBare() && !h.lost && !h.void
	case !h.names.valid(), h.names == nameV2 && h.isPut():
		return false
	case h.isPut() && h.lost:
		return !h.void && h.infoOffset == 0 && h.infoLength == 0 && h.length == 0
	case h.isPut():
		return !h.void && h.rank != 0 && h.infoLength > 0 && uint64(h.infoOffset)+uint64(h.infoLength) <= uint64(h.length)
	}
	return h.isBare() && !h.lost && (!h.void || h.kind != store.ChangeDropped)
}

// isBare reports whether the fields of puts are zero.
func (h *header) isBare() bool {
	return h.rank == 0 && h.infoOffset == 0 && h.infoLength == 0 && h.version == store.Version{}
}

// valid reports whether a record can be about these ids.
func (n names) valid() bool {
	switch n {
	case nameV1, nameV2, nameV2 | nameShort, nameV1 | nameV2 | nameShort:
		return true
	}
	return false
}
