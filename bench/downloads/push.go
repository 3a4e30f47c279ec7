package main

import (
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// pushNew pushes new torrents to the server at address until the process is killed, as
// `torrentcache push` does.
func pushNew(address string) error {
	if err := side.Await(address); err != nil {
		return err
	}
	c, err := client.Dial(address, client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	first, sizes := uint64(time.Now().UnixNano()), set{n: 100_000}.sizes()
	return push(c, func(yield func(client.Item) bool) {
		for i := uint64(0); ; i++ {
			size := sizes[i%uint64(len(sizes))]
			load := func() ([]byte, error) { return torrenttest.Random(first+i, size), nil }
			if !yield(client.Item{Size: int64(size), Load: load}) {
				return
			}
		}
	})
}
