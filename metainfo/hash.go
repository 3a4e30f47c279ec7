package metainfo

import (
	"crypto/sha1"
	"crypto/sha256"

	"github.com/torrentcache/torrentcache/infohash"
)

// hash takes the info hashes over the raw bytes of the info dictionary: a v2
// torrent has a SHA-256, and every other and every hybrid a SHA-1. The legacy
// clients need the SHA-1; its collisions are the store's to find.
func (p *parser) hash() {
	info := p.info.of(p.b)
	isV2 := p.tree.found()
	if isV2 {
		p.ids.V2 = infohash.V2(sha256.Sum256(info))
	}
	if !isV2 || p.list.found() || p.scanner.single.length.found() {
		p.ids.V1 = infohash.V1(sha1.Sum(info))
	}
}
