// Package format defines the bytes in the files of a disk store: records, the headers of
// segments, and the mark. It encodes and decodes them, names places in files, and touches no
// file.
//
// docs/storage.md describes the format field by field. It is version 2, which release 0.1.0
// freezes (TestFormatFrozen). All integers are little endian; checksums are CRC32C (Castagnoli).
// A parser accepts exactly the bytes that are written, and its allocations do not depend on
// lengths in them. The index is not part of the format; package index owns it.
//
// Functions are safe for concurrent use, and so are values that nobody modifies.
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
	// Align divides the offset of every record.
	Align         = 8
	recordVersion = 2

	// MaxBody is the maximum size of a body in bytes. It has room for any torrent that a server
	// accepts, and bounds the allocations that a header can cause.
	MaxBody = 1 << 30
)

// magic begins every record. Its first byte is not text, so that no key of a .torrent file
// contains it by chance.
var magic = [8]byte{0xF7, 'T', 'C', 'r', 'e', 'c', '\r', '\n'}

// castagnoli is the polynomial of every checksum in the store.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum returns the checksum of b, as all files of the store use it.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// ErrBadRecord says that bytes are not an intact record.
var ErrBadRecord = errors.New("not a valid record")

// Kinds of records that are not about a torrent. The kinds below them are those of the feed.
const (
	// KindValue is the kind of a record that stores a named value.
	KindValue store.ChangeKind = 32
	// KindVoid is the kind of a record torn by a crash. Recovery overwrites its header with this
	// kind, so that a rebuilt index does not take the record for an acknowledged one.
	KindVoid store.ChangeKind = 33
)

// StoreID identifies a store, and distinguishes its records from those of all others.
type StoreID [16]byte

// Header is the fixed part of a record. A body of Length bytes follows it, then zeros up to the
// next multiple of Align.
type Header struct {
	Kind     store.ChangeKind
	Names    Names
	Rank     store.Rank // of the writer; puts only
	Lost     bool       // the bytes of the put were damaged and are gone; it has no body
	Void     bool       // removals and restorations: the bytes put before are gone
	Kept     bool       // removals: the bytes stay longer than usual
	Store    StoreID
	Segment  uint64 // id of the segment that holds the record
	Sequence uint64 // orders all records of a store; a copy keeps it
	// Synced is the offset in this segment up to which the log was known to be durable when the
	// record was written. All records before it were acknowledged, so a bad record there is
	// damage and not a torn write.
	Synced     uint64
	Time       int64 // seconds since 1970
	IDs        infohash.Set
	InfoOffset uint32 // puts only, like the fields after it up to BodySum
	InfoLength uint32
	Version    store.Version // of the body
	Length     uint32        // of the body, in bytes
	BodySum    uint32        // CRC32C of the body

	Mended bool              // not stored: a flipped bit was corrected on reading
	Raw    *[HeaderSize]byte // the stored header, if its kind is unknown to this program
}

// Size returns the size of the record in its segment, in bytes.
func (h *Header) Size() int64 { return RecordSize(int(h.Length)) }

// RecordSize returns the size in bytes of a record with a body of that size.
func RecordSize(body int) int64 {
	return (HeaderSize + int64(body) + Align - 1) &^ (Align - 1)
}

// IsPut reports whether the body is, or was before it was lost, a torrent.
func (h *Header) IsPut() bool {
	return h.Kind == store.ChangeAdded || h.Kind == store.ChangeReplaced
}

// IsKnown reports whether this program knows the kind. Records of an unknown kind come from a
// newer program; they are kept and skipped.
func (h *Header) IsKnown() bool {
	return h.Kind >= store.ChangeAdded && h.Kind <= store.ChangeDropped || h.Kind == KindValue || h.Kind == KindVoid
}

// IsWord reports whether the record says something about a torrent without containing it.
func (h *Header) IsWord() bool {
	return h.Kind >= store.ChangeRemoved && h.Kind <= store.ChangeDropped
}

// LeavesNoBytes reports whether the record says that all bytes put before are gone.
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

// AppendRecord appends the record of h and body to b. It sets the length of h; the caller has
// set the checksum.
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

// appendFixedID appends the size bytes of id, or zeros if id is zero.
func appendFixedID(b []byte, id infohash.ID, size int) []byte {
	if id.IsZero() {
		return append(b, make([]byte, size)...)
	}
	return id.AppendTo(b)
}

// Torrent returns the torrent of a put with this header and body.
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

// Place is the position of a record and the length of its body. The zero value means no place.
type Place struct {
	Segment uint64 // from 1
	Offset  int64  // in that segment, in bytes
	Length  uint32 // of the body, in bytes
}

// IsZero reports whether p means no place.
func (p Place) IsZero() bool { return p.Segment == 0 }
