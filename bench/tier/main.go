// Command tier compares reads that the local cache in front of a bucket answers with reads from
// the embedded store alone. The remote store is in memory, because hits do not ask it. Rounds are
// interleaved, a figure is the median, and only the ratio is comparable. It prints Markdown.
//
//	go run ./bench/tier
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
	"github.com/torrentcache/torrentcache/store/tiered"
)

const (
	torrents = 5000
	size     = 40_000 // bytes
	cache    = 1 << 30
)

func main() {
	rounds := flag.Int("rounds", 9, "rounds")
	reads := flag.Int("reads", 50_000, "reads of each store in a round")
	flag.Parse()
	if err := run(*rounds, *reads); err != nil {
		fmt.Fprintln(os.Stderr, "bench/tier:", err)
		os.Exit(1)
	}
}

func run(rounds, reads int) error {
	dir, err := os.MkdirTemp("", "bench-tier")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	alone, err := diskstore.Open(diskstore.Options{Dir: filepath.Join(dir, "alone")})
	if err != nil {
		return err
	}
	defer alone.Close()
	front, err := tiered.Open(tiered.Options{Remote: memstore.New(), Identity: "memory", Dir: filepath.Join(dir, "tier"), Size: cache, Logger: slog.Default()})
	if err != nil {
		return err
	}
	defer front.Close()
	items, err := fill(alone, front)
	if err != nil {
		return err
	}
	rows := [][]string{{"readers", "embedded store alone", "local cache, hits", "ratio", "floor"}}
	for _, readers := range []int{1, 64} {
		row, err := compare(rounds, reads, readers, items, alone, front)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	fmt.Printf("%s\n\n%d torrents of %d bytes, in the page cache\n\n%s", side.Machine(), torrents, size, side.Table(rows))
	return nil
}

// fill puts the same torrents into both stores, and waits until the cache has them all.
func fill(alone store.Store, front *tiered.Store) ([]store.Item, error) {
	ctx := context.Background()
	items := make([]store.Item, torrents)
	for i := range items {
		items[i] = storetest.Torrent(storetest.V1, uint64(i), size, 0)
	}
	for _, s := range []store.Store{alone, front} {
		for _, r := range s.Put(ctx, items) {
			if r.Err != nil {
				return nil, r.Err
			}
		}
	}
	for front.CacheStats(ctx).Torrents < torrents {
		for _, item := range items {
			if _, err := front.Get(ctx, item.IDs.V1, nil); err != nil {
				return nil, err
			}
		}
	}
	return items, nil
}

// compare reads from both stores in turn.
func compare(rounds, reads, readers int, items []store.Item, alone store.Store, front *tiered.Store) ([]string, error) {
	var times [2][]float64
	misses := front.CacheStats(context.Background()).Misses
	for round := range rounds + 1 {
		for i, s := range []store.Store{alone, front} {
			begin := time.Now()
			if err := readAll(s, items, readers, reads); err != nil {
				return nil, err
			}
			if round > 0 { // the first one fills the page cache
				times[i] = append(times[i], time.Since(begin).Seconds()/float64(reads))
			}
		}
	}
	if now := front.CacheStats(context.Background()).Misses; now != misses {
		return nil, fmt.Errorf("%d of the reads were no hits", now-misses)
	}
	a, f := side.Median(times[0]), side.Median(times[1])
	return []string{fmt.Sprint(readers), fmt.Sprintf("%.0f/s", 1/a), fmt.Sprintf("%.0f/s", 1/f), fmt.Sprintf("%.2f", a/f), "0.90"}, nil
}

// readAll reads random items from that many readers.
func readAll(s store.Store, items []store.Item, readers, reads int) error {
	errs := make([]error, readers)
	var all sync.WaitGroup
	for r := range readers {
		all.Go(func() {
			for range reads / readers {
				if _, err := s.Get(context.Background(), items[rand.IntN(len(items))].IDs.V1, nil); err != nil {
					errs[r] = err
					return
				}
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
