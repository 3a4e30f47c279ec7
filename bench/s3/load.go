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

// made is a new torrent. Torrents are made in advance, so that making them is not measured.
type made struct {
	hash  string
	bytes []byte
}

// makeTorrents returns n new torrents.
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

// prepare returns the function that each client calls again and again.
func prepare(o options, t target, kind string) (run func(client int) error, err error) {
	if kind == "gets" {
		return func(client int) error {
			n, err := t.get(client, t.stored.any())
			if err == nil && n == 0 {
				return fmt.Errorf("an empty torrent")
			}
			return err
		}, nil
	}
	const most = 5000 // more than any engine here stores in the time
	torrents, err := makeTorrents(most, o.size)
	if err != nil {
		return nil, err
	}
	var next atomic.Int64
	return func(client int) error {
		n := next.Add(1) - 1
		if n >= most {
			return fmt.Errorf("more than %d puts in %s: take less time", most, o.took)
		}
		if err := t.put(client, torrents[n].hash, torrents[n].bytes); err != nil {
			return err
		}
		t.stored.add(torrents[n].hash)
		return nil
	}, nil
}

// spread makes all clients call run until the time is over. It returns the number of completed
// calls and the time they took.
func spread(o options, run func(client int) error) (int64, time.Duration, error) {
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
		return 0, 0, *err
	}
	return calls.Load(), time.Since(begin), nil
}

// hashes are the info hashes of the torrents that a target has stored. Its methods are safe for
// concurrent use.
type hashes struct {
	mu  sync.Mutex
	all []string
}

func (h *hashes) add(hash string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, hash)
}

// any returns one of them at random.
func (h *hashes) any() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all[rand.IntN(len(h.all))]
}
