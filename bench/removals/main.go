// Command removals compares ways to remove and restore torrents: one call for each torrent, one
// call for 1,000, and the commands. A removal is durable and in the audit log before it is
// answered. Rounds are interleaved; a figure is the median. It prints Markdown.
//
//	go run ./bench/removals                          the embedded store
//	go run ./bench/removals -store 's3://BUCKET/PREFIX?endpoint=...' -count 2000
//
// It finds the credentials of a bucket as AWS's tools do. The objects that it writes stay in the
// bucket.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

func main() {
	var b bench
	flag.IntVar(&b.count, "count", 20_000, "torrents")
	flag.IntVar(&b.single, "single", 1_000, "torrents that are removed by a call each, of which the rate is taken")
	flag.IntVar(&b.size, "size", 2_000, "size of a torrent in bytes")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds")
	flag.StringVar(&b.store, "store", "", "the store that the server serves; empty: an embedded one")
	parent := flag.String("dir", os.TempDir(), "folder for the store, which is gone afterwards")
	flag.Parse()
	if err := b.run(*parent); err != nil {
		fmt.Fprintln(os.Stderr, "bench/removals:", err)
		os.Exit(1)
	}
}

// bench is one run of the benchmark.
type bench struct {
	count, single, size, rounds int
	store                       string
	dir                         string // scratch
}

func (b *bench) run(parent string) (err error) {
	if b.dir, err = os.MkdirTemp(parent, "bench-removals"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.single > b.count {
		return fmt.Errorf("-single %d: want at most -count %d", b.single, b.count)
	}
	s, err := b.start()
	if err != nil {
		return err
	}
	defer s.stop()
	hashes, err := s.fill(context.Background(), b.count, b.size)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "list"), lines(hashes), 0o644); err != nil {
		return err
	}
	ways := b.ways(s, hashes)
	results := make([]figures, len(ways))
	for round := range b.rounds {
		for i, w := range ways {
			if err := w.measure(round, s, &results[i]); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	rows := [][]string{{"way", "info hashes/s", "of the first", "20,000 take", "CPU of the server for each"}}
	first := side.Median(results[0].rate)
	for i, w := range ways {
		rate := side.Median(results[i].rate)
		rows = append(rows, []string{w.name, fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.1f", rate/first),
			fmt.Sprintf("%.1f s", 20_000/rate), fmt.Sprintf("%.0f us", side.Median(results[i].cpu))})
	}
	fmt.Printf("%s\n\n%d torrents of %d bytes, median of %d rounds\n\n%s", side.Machine(), b.count, b.size, b.rounds, side.Table(rows))
	return nil
}
