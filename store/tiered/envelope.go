package tiered

import (
	"encoding/binary"
	"time"

	"github.com/torrentcache/torrentcache/store"
)

// A copy on disk is an envelope of envelopeSize bytes followed by the torrent. The envelope has
// the mark, the rank's number, zeros, the time stored (Unix, little endian) and the version. The
// disk store takes the mark for the info dictionary, which is therefore always equal: only the
// remote decides which torrent has an id, and it ranks copies. Bytes with another mark, such as
// those of other versions of this program, are not a copy.
const (
	mark         = "tct2"
	rankAt       = 4
	storedAt     = 8
	versionAt    = 16
	envelopeSize = 32
)

// wrap returns the item that the disk stores for t.
func wrap(t store.Torrent) store.Item {
	b := make([]byte, envelopeSize, envelopeSize+len(t.Bytes))
	copy(b, mark)
	b[rankAt] = byte(t.Rank)
	binary.LittleEndian.PutUint64(b[storedAt:], uint64(t.Stored.Unix()))
	copy(b[versionAt:], t.Version[:])
	return store.Item{IDs: t.IDs, Torrent: append(b, t.Bytes...), InfoLength: len(mark), Rank: store.RankAnonymous}
}

// unwrap returns the torrent in a copy; false if kept is not a copy.
func unwrap(kept store.Torrent) (store.Torrent, bool) {
	b := kept.Bytes
	if len(b) < envelopeSize || string(b[:len(mark)]) != mark {
		return store.Torrent{}, false
	}
	return store.Torrent{
		IDs:     kept.IDs,
		Bytes:   b[envelopeSize:],
		Version: store.Version(b[versionAt:envelopeSize]),
		Rank:    store.Rank(b[rankAt]),
		Stored:  time.Unix(int64(binary.LittleEndian.Uint64(b[storedAt:])), 0).UTC(),
	}, true
}
