package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// made are torrents that nobody has put yet: making them is not to be measured.
type made struct {
	hash  string
	bytes []byte
}

// makeTorrents returns n torrents that were never made before.
func makeTorrents(n, size int) ([]made, error) {
	all := make([]made, n)
	for i := range all {
		all[i].bytes = torrenttest.Random(rand.Uint64(), size)
		parsed, err := metainfo.Parse(all[i].bytes)
		if err != nil {
			return nil, err
		}
		all[i].hash = parsed.IDs().Primary().String()
	}
	return all, nil
}

// load loads one target for a while and returns what it did a second.
func load(o options, t target, kind string) (float64, error) {
	if kind == "puts" {
		return loadPuts(o, t)
	}
	return loadGets(o, t)
}

func loadPuts(o options, t target) (float64, error) {
	const most = 5000 // more than any engine here takes in the time
	torrents, err := makeTorrents(most, o.size)
	if err != nil {
		return 0, err
	}
	var next atomic.Int64
	rate, err := spread(o, func(client int) error {
		n := next.Add(1) - 1
		if n >= most {
			return fmt.Errorf("more than %d puts in %s: take less time", most, o.took)
		}
		return t.put(client, torrents[n].hash, torrents[n].bytes)
	})
	for _, torrent := range torrents[:min(next.Load(), most)] {
		*t.stored = append(*t.stored, torrent.hash)
	}
	return rate, err
}

func loadGets(o options, t target) (float64, error) {
	return spread(o, func(client int) error {
		n, err := t.get(client, (*t.stored)[rand.IntN(len(*t.stored))])
		if err == nil && n == 0 {
			return fmt.Errorf("an empty torrent")
		}
		return err
	})
}

// spread has all clients call run until the time is over and returns how many
// calls a second came to their end.
func spread(o options, run func(client int) error) (float64, error) {
	var group sync.WaitGroup
	var calls atomic.Int64
	var failed atomic.Pointer[error]
	begin := time.Now()
	for client := range o.clients {
		group.Go(func() {
			for time.Since(begin) < o.took && failed.Load() == nil {
				if err := run(client); err != nil {
					failed.Store(&err)
					return
				}
				calls.Add(1)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(calls.Load()) / time.Since(begin).Seconds(), nil
}
