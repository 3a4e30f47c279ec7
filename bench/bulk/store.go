package main

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const (
	storeWriters = 4
	storeBatch   = 256 // items
	storeChunk   = 20_000
)

// storeSpeed puts the torrents directly into an empty store. Reading and parsing the files is not
// measured.
func (b *bench) storeSpeed(paths []string) (float64, error) {
	dir, err := b.scratch()
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	st, err := diskstore.Open(diskstore.Options{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer st.Close()
	var took time.Duration
	for chunk := range slices.Chunk(paths, storeChunk) {
		items, err := readItems(chunk)
		if err != nil {
			return 0, err
		}
		begin := time.Now()
		if err := putAll(st, items); err != nil {
			return 0, err
		}
		took += time.Since(begin)
	}
	return float64(len(paths)) / took.Seconds(), nil
}

func readItems(paths []string) ([]store.Item, error) {
	items := make([]store.Item, len(paths))
	for i, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		torrent, err := metainfo.Parse(file)
		if err != nil {
			return nil, err
		}
		offset, length := torrent.InfoSpan()
		items[i] = store.Item{IDs: torrent.IDs(), Torrent: file, InfoOffset: offset, InfoLength: length, Rank: store.RankAnonymous}
	}
	return items, nil
}

func putAll(st store.Store, items []store.Item) error {
	batches := make(chan []store.Item)
	failed := make(chan error, storeWriters)
	var writers sync.WaitGroup
	for range storeWriters {
		writers.Go(func() {
			var first error
			for batch := range batches {
				for _, result := range st.Put(context.Background(), batch) {
					if result.Err != nil && first == nil {
						first = result.Err
					}
				}
			}
			failed <- first
		})
	}
	for batch := range slices.Chunk(items, storeBatch) {
		batches <- batch
	}
	close(batches)
	writers.Wait()
	for range storeWriters {
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}
