package storetest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Shape selects the ids of a generated torrent.
type Shape int

// The shapes of torrents.
const (
	V1 Shape = iota
	V2
	Hybrid
)

// String returns v1, v2 or hybrid.
func (s Shape) String() string { return [...]string{"v1", "v2", "hybrid"}[s] }

// Torrent returns an item of an anonymous writer with random bytes of about the given size: outer
// bytes around an info span, and ids that are the hashes of the span. The same arguments give the
// same item. Outer selects the outer bytes, so that items that differ in it alone are the same
// torrent.
func Torrent(shape Shape, seed uint64, size, outer int) store.Item {
	info := randomBytes(seed, max(size-64, 1))
	head := fmt.Appendf(nil, "outer bytes %d before ", outer)
	torrent := append(head, info...)
	torrent = fmt.Appendf(torrent, " outer bytes %d after", outer)
	return store.Item{
		IDs:        idsOf(shape, info),
		Torrent:    torrent,
		InfoOffset: len(head),
		InfoLength: len(info),
		Rank:       store.RankAnonymous,
	}
}

// ranked returns item with that rank.
func ranked(item store.Item, rank store.Rank) store.Item {
	item.Rank = rank
	return item
}

// replacing returns item as a replacement of old.
func replacing(item, old store.Item) store.Item {
	item.Replaces = store.VersionOf(old.Torrent)
	return item
}

// replacingRank returns item as a replacement of old, on condition that old still has its rank.
func replacingRank(item, old store.Item) store.Item {
	item.ReplacesRank = old.Rank
	return replacing(item, old)
}

func idsOf(shape Shape, info []byte) infohash.Set {
	var set infohash.Set
	if shape != V2 {
		set.V1 = infohash.V1(sha1.Sum(info))
	}
	if shape != V1 {
		set.V2 = infohash.V2(sha256.Sum256(info))
	}
	return set
}

func randomBytes(seed uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}
