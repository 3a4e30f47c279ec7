package s3store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// An object below t/ is a header of headerSize bytes, the two texts of a removal
// and the torrent. All of it lies in the body, none in user metadata: engines
// differ in what they do to that, and so one checksum covers it. Numbers are
// big-endian.
//
//	 0  magic "tcs3"     4  format 2     5  kind     6  rank     7  flags (1: has v1, 2: has v2, 4: ahead)
//	 8  write            24  stored (Unix seconds)   32  v1      52  v2
//	84  info offset      88  info length              92  torrent length
//	96  zero             128  version (alias: random) 144  CRC32C of the torrent
//	148 removed (Unix seconds)                       156  reason length, 158 reference length
//	160 CRC32C of the two texts                      164  CRC32C of all before
//
// Whatever its format and its kind are, an object of a newer program has the magic,
// the format and, at 164, the CRC32C: so it is told from damage.
const headerSize = 168

const (
	objectMagic  = "tcs3"
	objectFormat = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// kind is what an object says of the id that it lies under.
type kind byte

const (
	kindTorrent   kind = iota + 1 // here is the torrent
	kindAlias                     // the torrent lies under ids.Primary()
	kindTombstone                 // removed; the torrent may still be here
	kindVacant                    // nothing: a removal that was restored without its torrent
)

// writeID is the number of one write, the same in each try of it.
type writeID struct {
	session sessionID
	counter uint64
}

// header is the beginning of an object. Fields that its kind has no use for are zero.
type header struct {
	kind          kind
	write         writeID
	ids           infohash.Set // of the torrent; of a removal in advance the one id
	ahead         bool         // a tombstone for the one id that it lies under
	rank          store.Rank
	stored        time.Time
	infoOffset    uint32
	infoLength    uint32
	torrentLength uint32 // 0: a tombstone without the torrent
	version       store.Version
	torrentCRC    uint32
	removed       time.Time
	reasonLength  uint16
	referLength   uint16
	textCRC       uint32
}

// torrentHeader describes an item as it is stored now.
func torrentHeader(item store.Item, now time.Time) header {
	return header{
		kind:          kindTorrent,
		ids:           item.IDs,
		rank:          item.Rank,
		stored:        now,
		infoOffset:    uint32(item.InfoOffset),
		infoLength:    uint32(item.InfoLength),
		torrentLength: uint32(len(item.Torrent)),
		version:       store.VersionOf(item.Torrent),
		torrentCRC:    crc32.Checksum(item.Torrent, castagnoli),
	}
}

// remove makes h a tombstone.
func (h *header) remove(r store.Removal) {
	h.kind = kindTombstone
	h.removed = r.Time
	h.reasonLength, h.referLength = uint16(len(r.Reason)), uint16(len(r.Reference))
	h.textCRC = crc32.Checksum([]byte(r.Reason+r.Reference), castagnoli)
}

// restore makes a tombstone what it was before.
func (h *header) restore() {
	h.kind = kindTorrent
	if h.torrentLength == 0 {
		h.kind = kindVacant
	}
	h.ahead = false
	h.removed, h.reasonLength, h.referLength, h.textCRC = time.Time{}, 0, 0, 0
}

// append appends the header's bytes to b.
func (h *header) append(b []byte) []byte {
	begin := len(b)
	flags := idFlags(h.ids)
	if h.ahead {
		flags |= flagAhead
	}
	b = append(b, objectMagic...)
	b = append(b, objectFormat, byte(h.kind), byte(h.rank), flags)
	b = h.write.append(b)
	b = appendTime(b, h.stored)
	b = appendIDs(b, h.ids)
	b = binary.BigEndian.AppendUint32(b, h.infoOffset)
	b = binary.BigEndian.AppendUint32(b, h.infoLength)
	b = binary.BigEndian.AppendUint32(b, h.torrentLength)
	b = append(append(b, make([]byte, 128-96)...), h.version[:]...)
	b = binary.BigEndian.AppendUint32(b, h.torrentCRC)
	b = appendTime(b, h.removed)
	b = binary.BigEndian.AppendUint16(b, h.reasonLength)
	b = binary.BigEndian.AppendUint16(b, h.referLength)
	b = binary.BigEndian.AppendUint32(b, h.textCRC)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[begin:], castagnoli))
}

// errHeader says that bytes do not begin with a header, or with a damaged one.
var errHeader = errors.New("the header is damaged")

// parseHeader reads the header that b begins with. The error is errHeader or a
// *foreign.
func parseHeader(b []byte) (header, error) {
	if len(b) < headerSize || string(b[:4]) != objectMagic ||
		binary.BigEndian.Uint32(b[164:]) != crc32.Checksum(b[:164], castagnoli) {
		return header{}, errHeader
	}
	if b[4] != objectFormat {
		return header{}, otherFormat(b[4], objectFormat)
	}
	h := header{
		kind:          kind(b[5]),
		rank:          store.Rank(b[6]),
		ids:           parseIDs(b[7], b[32:]),
		ahead:         b[7]&flagAhead != 0,
		write:         parseWriteID(b[8:]),
		stored:        parseTime(b[24:]),
		infoOffset:    binary.BigEndian.Uint32(b[84:]),
		infoLength:    binary.BigEndian.Uint32(b[88:]),
		torrentLength: binary.BigEndian.Uint32(b[92:]),
		version:       store.Version(b[128:]),
		torrentCRC:    binary.BigEndian.Uint32(b[144:]),
		removed:       parseTime(b[148:]),
		reasonLength:  binary.BigEndian.Uint16(b[156:]),
		referLength:   binary.BigEndian.Uint16(b[158:]),
		textCRC:       binary.BigEndian.Uint32(b[160:]),
	}
	switch {
	case h.kind < kindTorrent || h.kind > kindVacant:
		return header{}, &foreign{newer: true}
	case uint64(h.infoOffset)+uint64(h.infoLength) > uint64(h.torrentLength):
		return header{}, errHeader
	}
	return h, nil
}

// idsAt returns what stands where a header has its ids; none if b ends before.
func idsAt(b []byte) infohash.Set {
	if len(b) < headerSize {
		return infohash.Set{}
	}
	return parseIDs(flagV1|flagV2, b[32:])
}

// The flags of a header, and but for the last those of an entry of the feed: which ids it has,
// and whether a tombstone is for one id in advance.
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

// appendIDs appends v1 and v2 of ids, zeros for one that is not there.
func appendIDs(b []byte, ids infohash.Set) []byte {
	var v1 [infohash.SizeV1]byte
	var v2 [infohash.SizeV2]byte
	ids.V1.AppendTo(v1[:0])
	ids.V2.AppendTo(v2[:0])
	return append(append(b, v1[:]...), v2[:]...)
}

// parseIDs reads those of the ids at the beginning of b that flags names.
func parseIDs(flags byte, b []byte) (ids infohash.Set) {
	if flags&flagV1 != 0 {
		ids.V1 = infohash.V1([infohash.SizeV1]byte(b))
	}
	if flags&flagV2 != 0 {
		ids.V2 = infohash.V2([infohash.SizeV2]byte(b[infohash.SizeV1:]))
	}
	return ids
}

func (w writeID) append(b []byte) []byte {
	b = append(b, w.session[:]...)
	return binary.BigEndian.AppendUint64(b, w.counter)
}

func parseWriteID(b []byte) writeID {
	return writeID{session: sessionID(b), counter: binary.BigEndian.Uint64(b[8:])}
}

// noTime is how the zero time is written.
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
