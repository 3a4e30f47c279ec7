package object

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// An object below t/ is a header of HeaderSize bytes, the two texts of a removal and the
// torrent. Nothing is in user metadata: engines treat that differently, and within the body one
// checksum covers all. Numbers are big-endian.
//
//	 0  magic "tcs3"     4  format 2     5  kind     6  rank
//	 7  flags (1: has v1, 2: has v2, 4: ahead)
//	 8  write            24  stored (Unix seconds)   32  v1      52  v2
//	84  info offset      88  info length              92  torrent length
//	96  zero             128  version (alias: random) 144  CRC32C of the torrent
//	148 removed (Unix seconds)                       156  reason length, 158 reference length
//	160 CRC32C of the two texts                      164  CRC32C of all before
//
// Objects of any future format and kind keep the magic, the format and the CRC32C at 164, which
// tells them from damaged objects.
const (
	objectMagic = "tcs3"
	// Format is the format of the objects below t/ that this program reads and writes.
	Format = 2
	// HeaderSize is the size of a header in bytes.
	HeaderSize = 168
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Kind is the state of an id, as its object states it.
type Kind byte

// The kinds of objects.
const (
	KindTorrent   Kind = iota + 1 // the torrent is here
	KindAlias                     // the torrent lies under IDs.Primary()
	KindTombstone                 // removed; the bytes of the torrent may still be here
	KindVacant                    // none: a removal without bytes that was restored
)

// Header is the header of an object. Fields that its kind does not use are zero.
type Header struct {
	Kind          Kind
	Write         WriteID
	IDs           infohash.Set // of the torrent; for a removal in advance, the one id
	Ahead         bool         // a removal in advance: a tombstone for the id of its key alone
	Rank          store.Rank
	Stored        time.Time
	infoOffset    uint32
	infoLength    uint32
	TorrentLength uint32 // 0: a tombstone whose bytes are erased
	Version       store.Version
	torrentCRC    uint32
	Removed       time.Time
	ReasonLength  uint16
	ReferLength   uint16
	textCRC       uint32
}

// NewHeader returns the header of an item that is stored now.
func NewHeader(item store.Item, now time.Time) Header {
	return Header{
		Kind:          KindTorrent,
		IDs:           item.IDs,
		Rank:          item.Rank,
		Stored:        now,
		infoOffset:    uint32(item.InfoOffset),
		infoLength:    uint32(item.InfoLength),
		TorrentLength: uint32(len(item.Torrent)),
		Version:       store.VersionOf(item.Torrent),
		torrentCRC:    crc32.Checksum(item.Torrent, castagnoli),
	}
}

// Remove makes h a tombstone.
func (h *Header) Remove(r store.Removal) {
	h.Kind = KindTombstone
	h.Removed = r.Time
	h.ReasonLength, h.ReferLength = uint16(len(r.Reason)), uint16(len(r.Reference))
	h.textCRC = crc32.Checksum([]byte(r.Reason+r.Reference), castagnoli)
}

// Restore turns a tombstone back into a torrent, or into a vacant object if its bytes are
// erased.
func (h *Header) Restore() {
	h.Kind = KindTorrent
	if h.TorrentLength == 0 {
		h.Kind = KindVacant
	}
	h.Ahead = false
	h.Removed, h.ReasonLength, h.ReferLength, h.textCRC = time.Time{}, 0, 0, 0
}

// Append appends the header's bytes to b.
func (h *Header) Append(b []byte) []byte {
	begin := len(b)
	flags := idFlags(h.IDs)
	if h.Ahead {
		flags |= flagAhead
	}
	b = append(b, objectMagic...)
	b = append(b, Format, byte(h.Kind), byte(h.Rank), flags)
	b = h.Write.Append(b)
	b = appendTime(b, h.Stored)
	b = appendIDs(b, h.IDs)
	b = binary.BigEndian.AppendUint32(b, h.infoOffset)
	b = binary.BigEndian.AppendUint32(b, h.infoLength)
	b = binary.BigEndian.AppendUint32(b, h.TorrentLength)
	b = append(append(b, make([]byte, 128-96)...), h.Version[:]...)
	b = binary.BigEndian.AppendUint32(b, h.torrentCRC)
	b = appendTime(b, h.Removed)
	b = binary.BigEndian.AppendUint16(b, h.ReasonLength)
	b = binary.BigEndian.AppendUint16(b, h.ReferLength)
	b = binary.BigEndian.AppendUint32(b, h.textCRC)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[begin:], castagnoli))
}

// errHeader says that the bytes do not begin with an intact header.
var errHeader = errors.New("the header is damaged")

// ParseHeader reads the header at the beginning of b. The error is errHeader or a *Foreign.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize || string(b[:4]) != objectMagic ||
		binary.BigEndian.Uint32(b[164:]) != crc32.Checksum(b[:164], castagnoli) {
		return Header{}, errHeader
	}
	if b[4] != Format {
		return Header{}, otherFormat(b[4], Format)
	}
	h := Header{
		Kind:          Kind(b[5]),
		Rank:          store.Rank(b[6]),
		IDs:           parseIDs(b[7], b[32:]),
		Ahead:         b[7]&flagAhead != 0,
		Write:         ParseWriteID(b[8:]),
		Stored:        parseTime(b[24:]),
		infoOffset:    binary.BigEndian.Uint32(b[84:]),
		infoLength:    binary.BigEndian.Uint32(b[88:]),
		TorrentLength: binary.BigEndian.Uint32(b[92:]),
		Version:       store.Version(b[128:]),
		torrentCRC:    binary.BigEndian.Uint32(b[144:]),
		Removed:       parseTime(b[148:]),
		ReasonLength:  binary.BigEndian.Uint16(b[156:]),
		ReferLength:   binary.BigEndian.Uint16(b[158:]),
		textCRC:       binary.BigEndian.Uint32(b[160:]),
	}
	switch {
	case h.Kind < KindTorrent || h.Kind > KindVacant:
		return Header{}, &Foreign{newer: true}
	case uint64(h.infoOffset)+uint64(h.infoLength) > uint64(h.TorrentLength):
		return Header{}, errHeader
	}
	return h, nil
}

// IDsAt returns the ids in a header that may be damaged; none if b is too short.
func IDsAt(b []byte) infohash.Set {
	if len(b) < HeaderSize {
		return infohash.Set{}
	}
	return parseIDs(flagV1|flagV2, b[32:])
}
