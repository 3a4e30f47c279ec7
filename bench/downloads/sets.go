package main

import (
	"math"
	"math/rand/v2"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// Sizes of real torrents, in bytes, are about lognormal.
const (
	medianSize = 22_000
	meanSize   = 32_000
	leastSize  = 300
	mostSize   = 10_000_000
)

// set is n torrents. Equal sets have equal torrents.
type set struct {
	size int // bytes of each; 0: the sizes of real torrents
	n    int
}

// sizes returns the sizes of the torrents in bytes. Of two sets with real sizes, the smaller one
// is a prefix of the larger.
func (s set) sizes() []int {
	sigma := math.Sqrt(2 * math.Log(float64(meanSize)/medianSize))
	random := rand.New(rand.NewPCG(7, 7))
	sizes := make([]int, s.n)
	for i := range sizes {
		sizes[i] = s.size
		if s.size == 0 {
			sizes[i] = int(min(max(medianSize*math.Exp(sigma*random.NormFloat64()), leastSize), mostSize))
		}
	}
	return sizes
}

// torrent returns torrent i of the set. It has size bytes, give or take a few hundred.
func (s set) torrent(i, size int) []byte {
	return torrenttest.Random(uint64(s.size)<<32|uint64(i), size)
}
