package format

import (
	"bytes"
	"encoding/binary"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// ParseHeader decodes the header at the beginning of b. Anything but the exact bytes that
// AppendHeader writes is ErrBadRecord.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize || !bytes.HasPrefix(b, magic[:]) {
		return Header{}, ErrBadRecord
	}
	b = b[:HeaderSize]
	le := binary.LittleEndian
	const last = HeaderSize - 4
	if Checksum(b[:last]) != le.Uint32(b[last:]) || le.Uint16(b[8:]) != recordVersion {
		return Header{}, ErrBadRecord
	}
	h := Header{
		Kind:       store.ChangeKind(b[10]),
		Names:      Names(b[11]),
		Rank:       store.Rank(b[12]),
		Lost:       b[13]&recordLost != 0,
		Void:       b[13]&recordVoid != 0,
		Kept:       b[13]&recordKept != 0,
		Store:      StoreID(b[16:32]),
		Segment:    le.Uint64(b[32:]),
		Sequence:   le.Uint64(b[40:]),
		Synced:     le.Uint64(b[48:]),
		Time:       int64(le.Uint64(b[56:])),
		InfoOffset: le.Uint32(b[116:]),
		InfoLength: le.Uint32(b[120:]),
		Version:    store.Version(b[124:140]),
		Length:     le.Uint32(b[140:]),
		BodySum:    le.Uint32(b[144:]),
	}
	switch {
	case h.Segment == 0 || h.Sequence == 0 || h.Length > MaxBody:
		return Header{}, ErrBadRecord
	case !h.IsKnown():
		return h.asUnknown(b), nil
	}
	h.IDs = h.Names.read(b)
	if !h.valid() || !unusedIsZero(&h, b) {
		return Header{}, ErrBadRecord
	}
	return h, nil
}

// asUnknown returns the fields of h that records of all kinds share, and a copy of b.
func (h *Header) asUnknown(b []byte) Header {
	return Header{
		Kind: h.Kind, Store: h.Store, Segment: h.Segment, Sequence: h.Sequence, Synced: h.Synced,
		Length: h.Length, BodySum: h.BodySum, Raw: (*[HeaderSize]byte)(bytes.Clone(b)),
	}
}

// unusedIsZero reports whether b, the source of h, has zeros where AppendHeader writes zeros.
func unusedIsZero(h *Header, b []byte) bool {
	noV1 := [infohash.SizeV1]byte(b[64:84]) == [infohash.SizeV1]byte{}
	noV2 := [infohash.SizeV2]byte(b[84:116]) == [infohash.SizeV2]byte{}
	return b[13] == h.flags() && b[14] == 0 && b[15] == 0 &&
		(noV1 || h.Names&NameV1 != 0) && (noV2 || h.Names&NameV2 != 0)
}

// valid reports whether the fields of h, whose kind is known, agree with one another.
func (h *Header) valid() bool {
	switch {
	case h.Kept && h.Kind != store.ChangeRemoved:
		return false
	case h.Kind == KindValue, h.Kind == KindVoid:
		return h.Names == 0 && h.isBare() && !h.Lost && !h.Void
	case !h.Names.valid(), h.Names == NameV2 && h.IsPut():
		return false
	case h.IsPut() && h.Lost:
		return !h.Void && h.InfoOffset == 0 && h.InfoLength == 0 && h.Length == 0
	case h.IsPut():
		return !h.Void && h.Rank != 0 && h.InfoLength > 0 && uint64(h.InfoOffset)+uint64(h.InfoLength) <= uint64(h.Length)
	}
	return h.isBare() && !h.Lost && (!h.Void || h.Kind != store.ChangeDropped)
}

// isBare reports whether the fields of puts are zero.
func (h *Header) isBare() bool {
	return h.Rank == 0 && h.InfoOffset == 0 && h.InfoLength == 0 && h.Version == store.Version{}
}

// FindMagic returns the first multiple of Align at which b contains magic; -1 if there is none.
func FindMagic(b []byte) int {
	for i := 0; ; {
		j := bytes.Index(b[i:], magic[:])
		if j < 0 {
			return -1
		}
		if i += j; i%Align == 0 {
			return i
		}
		i++
	}
}
