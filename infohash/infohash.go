// Package infohash defines the ids of torrents: the SHA-1 of BEP 3 (v1), the SHA-256 of BEP 52
// (v2), and the first 20 bytes of a v2 id, which trackers and the DHT use where only 20 bytes
// fit.
//
// Every id is a hash of the same raw info bytes. An [ID] is one such id, as a person or a client
// names a torrent. A [Set] holds all ids of one torrent. Both are plain comparable values, safe
// to copy and to use as map keys.
package infohash

import (
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Sizes of an id in bytes.
const (
	SizeV1 = 20 // SHA-1, or a v2 id truncated to 20 bytes
	SizeV2 = 32 // SHA-256
)

// multihashSHA256 is the prefix that marks the 32 bytes after it as a SHA-256 digest. BEP 52 puts
// it before the v2 id in a btmh link.
const multihashSHA256 = "1220"

// ErrMalformed is wrapped by every error of [Parse], [FromBytes], [ParseMagnet] and [ParsePasted].
var ErrMalformed = errors.New("malformed info hash")

// ID is one id of a torrent: 20 bytes (v1, or a truncated v2 id) or 32 bytes (v2). The zero
// value is not an id. A 20-byte ID does not say which of the two it is, because nothing on the
// wire does.
type ID struct {
	size  uint8
	bytes [SizeV2]byte
}

// V1 returns the ID of a 20-byte digest.
func V1(digest [SizeV1]byte) ID {
	id := ID{size: SizeV1}
	copy(id.bytes[:], digest[:])
	return id
}

// V2 returns the ID of a 32-byte digest.
func V2(digest [SizeV2]byte) ID {
	return ID{size: SizeV2, bytes: digest}
}

// FromBytes returns the ID whose bytes are b, 20 or 32 of them. Any other length is [ErrMalformed].
// The ID keeps no reference to b.
func FromBytes(b []byte) (ID, error) {
	if len(b) != SizeV1 && len(b) != SizeV2 {
		return ID{}, fmt.Errorf("%w: %d bytes, want 20 or 32", ErrMalformed, len(b))
	}
	id := ID{size: uint8(len(b))}
	copy(id.bytes[:], b)
	return id, nil
}

// Parse reads an id in the forms that people and clients write, in upper or lower case: 40 hex
// digits (v1), 64 hex digits (v2), 68 hex digits beginning with 1220 (v2 as a multihash) or 32
// base32 digits (v1). Anything else is [ErrMalformed].
func Parse(s string) (ID, error) {
	switch len(s) {
	case hex.EncodedLen(SizeV1), hex.EncodedLen(SizeV2):
		return parseHex(s)
	case len(multihashSHA256) + hex.EncodedLen(SizeV2):
		if digits, ok := strings.CutPrefix(s, multihashSHA256); ok {
			return parseHex(digits)
		}
	case base32.StdEncoding.EncodedLen(SizeV1):
		return parseBase32(s)
	}
	return ID{}, fmt.Errorf("%w: want 40 or 64 hex digits, 1220 and 64 hex digits, or 32 base32 digits", ErrMalformed)
}

func parseHex(s string) (ID, error) {
	id := ID{size: uint8(hex.DecodedLen(len(s)))}
	if _, err := hex.Decode(id.bytes[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("%w: not all hex digits", ErrMalformed)
	}
	return id, nil
}

func parseBase32(s string) (ID, error) {
	id := ID{size: SizeV1}
	// ToUpper may not be used: it maps letters outside ASCII onto the alphabet.
	upper := []byte(s)
	for i, c := range upper {
		if 'a' <= c && c <= 'z' {
			upper[i] = c - 'a' + 'A'
		}
	}
	if n, err := base32.StdEncoding.Decode(id.bytes[:SizeV1], upper); err != nil || n != SizeV1 {
		return ID{}, fmt.Errorf("%w: not all base32 digits", ErrMalformed)
	}
	return id, nil
}

// IsZero reports whether id is the zero value: no id at all.
func (id ID) IsZero() bool { return id.size == 0 }

// Size returns the number of bytes: 20, 32, or 0 for the zero value.
func (id ID) Size() int { return int(id.size) }

// AppendTo appends the id's bytes, 20 or 32 of them, to b and returns the result.
func (id ID) AppendTo(b []byte) []byte { return append(b, id.bytes[:id.size]...) }

// String returns the id as 40 or 64 upper-case hex digits, the form in which every answer of the
// service names a torrent. The zero value gives "".
func (id ID) String() string {
	const digits = "0123456789ABCDEF"
	var out [2 * SizeV2]byte
	for i, b := range id.bytes[:id.size] {
		out[2*i], out[2*i+1] = digits[b>>4], digits[b&15]
	}
	return string(out[:2*id.size])
}

// Short returns the 20-byte form: a v2 id truncated to its first 20 bytes (BEP 52), any other id
// unchanged.
func (id ID) Short() ID {
	if id.size != SizeV2 {
		return id
	}
	short := ID{size: SizeV1}
	copy(short.bytes[:SizeV1], id.bytes[:])
	return short
}

// Set holds every id of one torrent. Ids that the torrent lacks are zero: a v1 torrent has only V1,
// a v2 torrent only V2, a hybrid both.
type Set struct {
	V1 ID // 20 bytes, or zero
	V2 ID // 32 bytes, or zero
}

// Set returns the set with id in the field of its size: V2 for 32 bytes, else V1. The zero ID
// gives the zero Set.
func (id ID) Set() Set {
	if id.size == SizeV2 {
		return Set{V2: id}
	}
	return Set{V1: id}
}

// SetOf returns the set of a v1 and a v2 id given as text, in any form that [Parse] accepts.
// Text that is not an id of its kind, including the empty text, leaves its field zero.
func SetOf(v1, v2 string) Set {
	var set Set
	if id, err := Parse(v1); err == nil && id.Size() == SizeV1 {
		set.V1 = id
	}
	if id, err := Parse(v2); err == nil && id.Size() == SizeV2 {
		set.V2 = id
	}
	return set
}

// Primary returns the id that answers name first: v1 if there is one, else v2.
func (s Set) Primary() ID {
	if !s.V1.IsZero() {
		return s.V1
	}
	return s.V2
}

// Legacy returns the 20-byte id for callers that know only 20-byte ids: v1 if there is one, else
// the first 20 bytes of v2.
func (s Set) Legacy() ID { return s.Primary().Short() }

// All returns every id by which the torrent can be requested, at most three: v1, v2, and v2
// truncated to 20 bytes.
func (s Set) All() []ID {
	ids := make([]ID, 0, 3)
	if !s.V1.IsZero() {
		ids = append(ids, s.V1)
	}
	if !s.V2.IsZero() {
		ids = append(ids, s.V2, s.V2.Short())
	}
	return ids
}

// Contains reports whether id is one of [Set.All]. The zero ID never is.
func (s Set) Contains(id ID) bool {
	return !id.IsZero() && (id == s.V1 || id == s.V2 || id == s.V2.Short())
}
