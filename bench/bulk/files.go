package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// Sizes of real torrents are about lognormal: median 22 KB, mean 32 KB.
const (
	medianSize = 22_000
	meanSize   = 32_000
)

var sigma = math.Sqrt(2 * math.Log(float64(meanSize)/medianSize))

// sizes returns the sizes of n torrents in bytes; the same n gives the same sizes.
func sizes(n int) []int {
	r := rand.New(rand.NewPCG(7, 7))
	out := make([]int, n)
	for i := range out {
		size := medianSize * math.Exp(sigma*r.NormFloat64())
		out[i] = int(min(max(size, 400), 5_000_000))
	}
	return out
}

// makeFiles writes n torrents below dir, 1,000 to a folder, unless an earlier run has written
// them.
func makeFiles(dir string, n int) (paths []string, err error) {
	for i, size := range sizes(n) {
		folder := filepath.Join(dir, fmt.Sprintf("%04d", i/1000))
		if i%1000 == 0 {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return nil, err
			}
		}
		path := filepath.Join(folder, fmt.Sprintf("%08d.torrent", i))
		paths = append(paths, path)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.WriteFile(path, torrenttest.Random(uint64(i), size), 0o644); err != nil {
			return nil, err
		}
	}
	return paths, nil
}
