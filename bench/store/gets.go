package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

func getsOfOne(o options) ([]string, error)  { return gets(o, 1) }
func getsOfMany(o options) ([]string, error) { return gets(o, 64) }

// gets compares gets from the page cache with open, read and close of plain files in sharded
// folders, both by that many readers.
func gets(o options, readers int) ([]string, error) {
	const torrents, reads = 10_000, 50_000
	dir := filepath.Join(o.dir, "gets")
	defer os.RemoveAll(dir)
	s, err := fillBoth(dir, torrents)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var times [2][]float64
	for round := range o.rounds + 1 {
		for i, get := range []func(n uint64) error{
			func(n uint64) error { _, err := s.Get(context.Background(), id(n), nil); return err },
			func(n uint64) error { return readFile(shardedPath(dir, n)) },
		} {
			begin := time.Now()
			if err := each(readers, reads, func(int) error { return get(rand.Uint64N(torrents)) }); err != nil {
				return nil, err
			}
			if round > 0 { // the first one fills the page cache
				times[i] = append(times[i], time.Since(begin).Seconds()/reads)
			}
		}
	}
	ours, theirs := side.Median(times[0]), side.Median(times[1])
	rate := func(perRead float64) string { return fmt.Sprintf("%.0f/s", 1/perRead) }
	return []string{fmt.Sprintf("gets from page cache, %d readers / open + read + close", readers),
		rate(ours), rate(theirs), fmt.Sprintf("%.2f", theirs/ours), "at least 1.2"}, nil
}

// fillBoth writes torrents 0 to n-1 to a store, which it returns, and to files.
func fillBoth(dir string, n uint64) (*diskstore.Store, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	s, err := diskstore.Open(diskstore.Options{Dir: filepath.Join(dir, "store")})
	if err != nil {
		return nil, err
	}
	if err := fill(s, 0, n, 0); err != nil {
		return nil, err
	}
	for i := range n {
		path := shardedPath(dir, i)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, item(i, 0).Torrent, 0o644); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// shardedPath returns the path of a torrent in a cache of plain files with 256 x 256 folders.
func shardedPath(dir string, n uint64) string {
	name := hex.EncodeToString(idBytes(n))
	return filepath.Join(dir, "files", name[:2], name[2:4], name+".torrent")
}

// readFile reads a file as os.ReadFile does: first its size, then its bytes.
func readFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = io.ReadFull(f, make([]byte, info.Size()))
	return err
}
