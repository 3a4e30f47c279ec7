package format

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// HeaderSize is the size in bytes of a record's header, a multiple of Align.
	HeaderSize = 152
	// Align is what the offset of every record is a multiple of.
	Align         = 8
	recordVersion = 2

	// MaxBody is the longest body in bytes: room for any torrent that a server
	// would accept, and a bound for what a header can make a reader allocate.
	MaxBody = 1 << 30
)

// magic begins every record. Its first byte is no text, so that no
// .torrent contains it by chance in its keys.
var magic = [8]byte{0xF7, 'T', 'C', 'r', 'e', 'c', '\r', '\n'}

// castagnoli is the polynomial of every checksum in the store.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the checksum of b, as everything in the store has it.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// ErrBadRecord says that bytes are no record, or one that was changed.
var ErrBadRecord = errors.New("not a valid record")

// Kinds of records that are about no torrent. Kinds below them are those of the feed.
const (
	// KindValue is that of a record which keeps a named value.
	KindValue store.ChangeKind = 32
	// KindVoid is that of a record which a crash tore: recovery writes this header over
	// its own, lest an index that is built anew takes it for one that was acknowledged.
	KindVoid store.ChangeKind = 33
)

// StoreID tells the records of one store from those of every other.
type StoreID [16]byte

// Header is the fixed part of a record. A body of length bytes follows it, then
// zeros up to the next multiple of Align.
type Header struct {
	Kind     store.ChangeKind
	Names    Names
	Rank     store.Rank // of the writer; of puts only
	Lost     bool       // the put's bytes were found damaged and are gone; it has no body
	Void     bool       // of removals and restorations: the bytes put before are gone
	Kept     bool       // of removals: the bytes stay for longer than usual
	Store    StoreID
	Segment  uint64 // the id of the segment that the record stands in
	Sequence uint64 // orders all records of a store; a copy keeps it
	// Synced is how far this segment was known to be on disk when the record was
	// written, as an offset. All that lies before it was acknowledged, so a bad
	// record there is damage and not a torn write.
	Synced     uint64
	Time       int64 // seconds since 1970
	IDs        infohash.Set
	InfoOffset uint32 // of puts only, like all that follows up to BodySum
	InfoLength uint32
	Version    store.Version // of the body
	Length     uint32        // of the body, in bytes
	BodySum    uint32        // CRC32C of the body

	Mended bool              // not written: a bit of it was flipped on disk
	Raw    *[HeaderSize]byte // of a kind that this program does not know, as it is on disk
}

// Size returns the bytes that the record takes in its segment.
func (h *Header) Size() int64 { return RecordSize(int(h.Length)) }

// RecordSize returns the bytes that a record with such a body takes.
func RecordSize(body int) int64 {
	return (HeaderSize + int64(body) + Align - 1) &^ (Align - 1)
}

// IsPut reports whether the body is a torrent, or was before it was lost.
func (h *Header) IsPut() bool {
	return h.Kind == store.ChangeAdded || h.Kind == store.ChangeReplaced
}

// IsKnown reports whether this program knows what a record of the kind says. One that
// it does not know, of a newer program, it keeps and passes over.
func (h *Header) IsKnown() bool {
	return h.Kind >= store.ChangeAdded && h.Kind <= store.ChangeDropped || h.Kind == KindValue || h.Kind == KindVoid
}

// IsWord reports whether the record says something of a torrent without having it.
func (h *Header) IsWord() bool {
	return h.Kind >= store.ChangeRemoved && h.Kind <= store.ChangeDropped
}

// LeavesNoBytes reports whether no bytes are there any more of what was put before.
func (h *Header) LeavesNoBytes() bool { return h.Void || h.Kind == store.ChangeDropped }

// The flags of a header.
const (
	recordLost = 1 << iota
	recordVoid
	recordKept
)

func (h *Header) flags() (flags byte) {
	if h.Lost {
		flags |= recordLost
	}
	if h.Void {
		flags |= recordVoid
	}
	if h.Kept {
		flags |= recordKept
	}
	return flags
}

// AppendRecord appends the record of h and body to b and returns the result. It
// sets the length of h; the checksum must be there.
func AppendRecord(b []byte, h *Header, body []byte) []byte {
	h.Length = uint32(len(body))
	b = AppendHeader(b, h)
	b = append(b, body...)
	padding := h.Size() - HeaderSize - int64(len(body))
	return append(b, make([]byte, padding)...)
}

// AppendHeader appends the HeaderSize bytes of h to b.
func AppendHeader(b []byte, h *Header) []byte {
	start := len(b)
	le := binary.LittleEndian
	if h.Raw != nil {
		b = append(b, h.Raw[:HeaderSize-4]...)
		le.PutUint64(b[start+32:], h.Segment)
		le.PutUint64(b[start+48:], h.Synced)
		return le.AppendUint32(b, Checksum(b[start:]))
	}
	b = append(b, magic[:]...)
	b = le.AppendUint16(b, recordVersion)
	b = append(b, byte(h.Kind), byte(h.Names), byte(h.Rank), h.flags(), 0, 0)
	b = append(b, h.Store[:]...)
	b = le.AppendUint64(b, h.Segment)
	b = le.AppendUint64(b, h.Sequence)
	b = le.AppendUint64(b, h.Synced)
	b = le.AppendUint64(b, uint64(h.Time))
	b = appendFixedID(b, h.IDs.V1, infohash.SizeV1)
	b = appendFixedID(b, h.IDs.V2, infohash.SizeV2)
	b = le.AppendUint32(b, h.InfoOffset)
	b = le.AppendUint32(b, h.InfoLength)
	b = append(b, h.Version[:]...)
	b = le.AppendUint32(b, h.Length)
	b = le.AppendUint32(b, h.BodySum)
	return le.AppendUint32(b, Checksum(b[start:]))
}

// appendFixedID appends the size bytes of id, or as many zeros if it is none.
func appendFixedID(b []byte, id infohash.ID, size int) []byte {
	if id.IsZero() {
		return append(b, make([]byte, size)...)
	}
	return id.AppendTo(b)
}

// Torrent returns what a put with this header and body stored.
func (h *Header) Torrent(body []byte) store.Torrent {
	return store.Torrent{
		IDs:     h.IDs,
		Bytes:   body[:len(body):len(body)],
		Version: h.Version,
		Rank:    h.Rank,
		Stored:  time.Unix(h.Time, 0).UTC(),
	}
}

// Info returns the raw info dictionary in the body of a put.
func (h *Header) Info(body []byte) []byte { return body[h.InfoOffset:][:h.InfoLength] }
