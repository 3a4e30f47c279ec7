package main

import (
	"crypto/sha1"
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Sizes of real torrents are about lognormal: median 22 KB, mean 32 KB.
const (
	medianSize = 22_000
	meanSize   = 32_000
	leastSize  = 400
	mostSize   = 5_000_000
)

var sigma = math.Sqrt(2 * math.Log(float64(meanSize)/medianSize))

// noise is the data that torrents are cut from. It does not compress.
var noise = func() []byte {
	b := make([]byte, 2*mostSize)
	random := rand.NewChaCha8([32]byte{7})
	random.Read(b)
	return b
}()

// item returns torrent number n, always the same for the same n. A size of 0 means the size of a
// real torrent. The bytes are not a valid torrent, but the store does not look inside.
func item(n uint64, size int) store.Item {
	random := rand.New(rand.NewPCG(n, 7))
	if size == 0 {
		size = int(min(max(medianSize*math.Exp(sigma*random.NormFloat64()), leastSize), mostSize))
	}
	at := random.IntN(len(noise) - size)
	torrent := make([]byte, size)
	binary.LittleEndian.PutUint64(torrent[copy(torrent, noise[at:at+size])-8:], n)
	return store.Item{IDs: infohash.Set{V1: id(n)}, Torrent: torrent, InfoOffset: 100, InfoLength: size - 101, Rank: store.RankAnonymous}
}

// id returns the id of torrent number n.
func id(n uint64) infohash.ID {
	id, err := infohash.FromBytes(idBytes(n))
	if err != nil {
		panic(err) // 20 bytes are an id
	}
	return id
}

func idBytes(n uint64) []byte {
	sum := sha1.Sum(binary.LittleEndian.AppendUint64(nil, n))
	return sum[:]
}

// items returns torrents number from to from+n-1, and their total size in bytes.
func items(from uint64, n int) (list []store.Item, bytes int64) {
	list = make([]store.Item, n)
	for i := range list {
		list[i] = item(from+uint64(i), 0)
		bytes += int64(len(list[i].Torrent))
	}
	return list, bytes
}
