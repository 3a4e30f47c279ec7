package index

import (
	"encoding/binary"

	"github.com/torrentcache/torrentcache/infohash"
)

// Keys of the index: one letter, then an id, or a sequence big endian so that
// the feed is sorted.
const (
	keyID      = 'i'
	keyFeed    = 'f'
	keyState   = 's'
	keySegment = 'g' // and a segment's id: its account
	keyAccess  = 'a' // and a primary id: the day of its last access; alone: a day on which all was used
	keyValue   = 'v' // and a name: a named value
	keyDropped = 'd' // and an id: when its torrent was dropped
)

func entryKey(id infohash.ID) []byte { return id.AppendTo([]byte{keyID}) }

func feedKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyFeed}, sequence)
}

func segmentKey(segment uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keySegment}, segment)
}

func accessKey(primary infohash.ID) []byte { return primary.AppendTo([]byte{keyAccess}) }

func valueKey(name string) []byte { return append([]byte{keyValue}, name...) }

func dropKey(id infohash.ID) []byte { return id.AppendTo([]byte{keyDropped}) }
