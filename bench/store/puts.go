package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// contest measures the store and a yardstick in turn. In each round both get the same new items.
// The functions return the time they took.
func contest(o options, perRound int, ours, theirs func(round int, list []store.Item) (time.Duration, error)) (oursMedian, theirsMedian float64, err error) {
	var times [2][]float64
	for round := range o.rounds {
		list, bytes := items(uint64(round)<<32, perRound)
		for i, measure := range []func(int, []store.Item) (time.Duration, error){ours, theirs} {
			took, err := measure(round, list)
			if err != nil {
				return 0, 0, err
			}
			times[i] = append(times[i], took.Seconds()/float64(bytes))
		}
	}
	return side.Median(times[0]), side.Median(times[1]), nil
}

// withStore returns a function that measures put on a new store.
func withStore(o options, put func(s *diskstore.Store, list []store.Item) error) func(int, []store.Item) (time.Duration, error) {
	return func(round int, list []store.Item) (time.Duration, error) {
		dir := filepath.Join(o.dir, fmt.Sprint("store-", round))
		defer os.RemoveAll(dir)
		s, err := diskstore.Open(diskstore.Options{Dir: dir})
		if err != nil {
			return 0, err
		}
		defer s.Close()
		begin := time.Now()
		err = put(s, list)
		return time.Since(begin), err
	}
}

// withFile returns a function that measures write on a new file.
func withFile(o options, write func(f *os.File, list []store.Item) error) func(int, []store.Item) (time.Duration, error) {
	return func(round int, list []store.Item) (time.Duration, error) {
		path := filepath.Join(o.dir, fmt.Sprint("file-", round))
		defer os.Remove(path)
		f, err := os.Create(path)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		begin := time.Now()
		err = write(f, list)
		return time.Since(begin), err
	}
}

const manyWriters = 256

// putsOfMany compares durable puts by 256 writers with an append and fdatasync of the same bytes
// by as many writers, which share the syncs.
func putsOfMany(o options) ([]string, error) {
	ours, theirs, err := contest(o, o.puts,
		withStore(o, func(s *diskstore.Store, list []store.Item) error {
			return shared(list, func(it store.Item) error { return putOne(s, it) })
		}),
		withFile(o, func(f *os.File, list []store.Item) error {
			log := startLog(f)
			defer log.stop()
			return shared(list, func(it store.Item) error { return log.append(it.Torrent) })
		}))
	return rates("durable puts, 256 writers / append + shared fdatasync", ours, theirs, "0.85"), err
}

// putsOfOne compares durable puts by one writer with one append and fdatasync after the other.
func putsOfOne(o options) ([]string, error) {
	const puts = 200
	ours, theirs, err := contest(o, puts,
		withStore(o, func(s *diskstore.Store, list []store.Item) error {
			for _, it := range list {
				if err := putOne(s, it); err != nil {
					return err
				}
			}
			return nil
		}),
		withFile(o, func(f *os.File, list []store.Item) error {
			for _, it := range list {
				if err := appendSync(f, it.Torrent); err != nil {
					return err
				}
			}
			return nil
		}))
	perPut := func(perByte float64) string { return fmt.Sprintf("%.2f ms", perByte*meanSize*1000) }
	return []string{"time of a put, 1 writer / append + fdatasync", perPut(ours), perPut(theirs), fmt.Sprintf("%.2f", ours/theirs), "at most 1.5"}, err
}

// putsInBatches compares puts in batches with the sequential write rate of the device.
func putsInBatches(o options) ([]string, error) {
	const batch, callers = 128, 4
	ours, theirs, err := contest(o, 2*o.puts,
		withStore(o, func(s *diskstore.Store, list []store.Item) error {
			return each(callers, (len(list)+batch-1)/batch, func(i int) error {
				for _, r := range s.Put(context.Background(), list[i*batch:min((i+1)*batch, len(list))]) {
					if r.Err != nil {
						return r.Err
					}
				}
				return nil
			})
		}),
		withFile(o, func(f *os.File, list []store.Item) error {
			var chunk []byte
			for _, it := range list {
				if chunk = append(chunk, it.Torrent...); len(chunk) >= 4<<20 {
					if _, err := f.Write(chunk); err != nil {
						return err
					}
					chunk = chunk[:0]
				}
			}
			return appendSync(f, chunk)
		}))
	return rates("puts in batches of 128 / sequential write, one fdatasync at the end", ours, theirs, "0.7"), err
}

// rates returns a row of two rates, given the seconds per byte.
func rates(what string, ours, theirs float64, goal string) []string {
	rate := func(perByte float64) string { return fmt.Sprintf("%.0f MB/s", 1/perByte/1e6) }
	return []string{what, rate(ours), rate(theirs), fmt.Sprintf("%.2f", theirs/ours), "at least " + goal}
}

func putOne(s *diskstore.Store, it store.Item) error {
	return s.Put(context.Background(), []store.Item{it})[0].Err
}

// shared calls do for each item, from 256 goroutines.
func shared(list []store.Item, do func(store.Item) error) error {
	return each(manyWriters, len(list), func(i int) error { return do(list[i]) })
}

// each calls do(0) to do(n-1) from that many goroutines, and returns one of the errors.
func each(goroutines, n int, do func(i int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	for range goroutines {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
