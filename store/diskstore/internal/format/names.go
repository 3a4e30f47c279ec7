package format

import "github.com/torrentcache/torrentcache/infohash"

// Names says which ids of a torrent a record is about. A put is about all of them. A removal in
// advance of a v2 id is about that id, and not about its truncated form.
type Names uint8

const (
	NameV1    Names = 1 << iota // V1
	NameV2                      // V2
	nameShort                   // the first 20 bytes of V2
)

// NamesOf returns the names of all ids of set.
func NamesOf(set infohash.Set) Names {
	var n Names
	if !set.V1.IsZero() {
		n |= NameV1
	}
	if !set.V2.IsZero() {
		n |= NameV2 | nameShort
	}
	return n
}

// IDs returns the ids of set that n names.
func (n Names) IDs(set infohash.Set) []infohash.ID {
	if n == NameV2 {
		return []infohash.ID{set.V2}
	}
	return set.All()
}

// read returns the ids in the header b that n names.
func (n Names) read(b []byte) (ids infohash.Set) {
	if n&NameV1 != 0 {
		ids.V1 = infohash.V1([infohash.SizeV1]byte(b[64:84]))
	}
	if n&NameV2 != 0 {
		ids.V2 = infohash.V2([infohash.SizeV2]byte(b[84:116]))
	}
	return ids
}

// valid reports whether a record may name these ids.
func (n Names) valid() bool {
	switch n {
	case NameV1, NameV2, NameV2 | nameShort, NameV1 | NameV2 | nameShort:
		return true
	}
	return false
}
