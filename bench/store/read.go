package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// Steps that measure gets, by the data that is in memory before.
const (
	warm     = "warm"      // the index and the torrents
	coldData = "cold-data" // the index
	cold     = "cold"      // nothing
	bare     = "bare"      // nothing; measures the disk instead of the store
)

// cool drops from the page cache the files that the step must not find there, before the store is
// opened.
func (s *step) cool(name string) error {
	if name != cold && name != coldData && name != bare {
		return nil
	}
	index, err := filepath.Glob(filepath.Join(s.dir, "index", "*"))
	if err != nil {
		return err
	}
	segments, err := filepath.Glob(filepath.Join(s.dir, "segments", "*"))
	if err != nil {
		return err
	}
	if name != coldData {
		return side.DropFromMemory(append(index, segments...))
	}
	for _, file := range index {
		if _, err := os.ReadFile(file); err != nil {
			return err
		}
	}
	return side.DropFromMemory(segments)
}

// readWarm measures gets of torrents from all over the store. It reads each torrent once before,
// so that the page cache has it. The figure is mainly the cost of finding a torrent.
func (s *step) readWarm() error {
	const chosen, reads = 10_000, 50_000
	numbers := make([]uint64, chosen)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range numbers {
		numbers[i] = random.Uint64N(s.torrents)
	}
	if _, err := s.timeGets(numbers, false); err != nil {
		return err
	}
	again := make([]uint64, reads)
	for i := range again {
		again[i] = numbers[random.IntN(chosen)]
	}
	times, err := s.timeGets(again, true)
	if err == nil {
		s.note(times)
	}
	return err
}

// readCold measures gets of torrents from all over the store, each once, and the reads that they
// cause.
func (s *step) readCold() error {
	reads := int(min(s.torrents/2, 5000))
	numbers, chosen := make([]uint64, 0, reads), map[uint64]bool{}
	for len(numbers) < reads {
		if n := rand.Uint64N(s.torrents); !chosen[n] {
			chosen[n] = true
			numbers = append(numbers, n)
		}
	}
	return s.counting(reads, func() ([]time.Duration, error) { return s.timeGets(numbers, false) })
}

// readBare measures reads of as many bytes as a torrent has, at random offsets in the segments,
// without the store. It shows how much of a get is the disk, which is also faster where the data
// span less of it.
func (s *step) readBare() error {
	var files []*os.File
	names, err := filepath.Glob(filepath.Join(s.dir, "segments", "*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		files = append(files, f)
	}
	b, reads := make([]byte, cmp.Or(s.size, meanSize)), int(min(s.torrents/2, 5000))
	return s.counting(reads, func() ([]time.Duration, error) {
		times := make([]time.Duration, reads)
		for i := range times {
			f := files[rand.IntN(len(files))]
			info, err := f.Stat()
			if err != nil {
				return nil, err
			}
			at := rand.Int64N(max(info.Size()-int64(len(b)), 1))
			begin := time.Now()
			if _, err := f.ReadAt(b, at); err != nil && err != io.EOF {
				return nil, err
			}
			times[i] = time.Since(begin)
		}
		slices.Sort(times)
		return times, nil
	})
}

// counting records the times that times returns for that many reads, and the device reads and
// bytes that they cause.
func (s *step) counting(reads int, times func() ([]time.Duration, error)) error {
	readsBefore, err := side.DeviceReads(s.dir)
	if err != nil {
		return err
	}
	bytesBefore, err := bytesRead()
	if err != nil {
		return err
	}
	took, err := times()
	if err != nil {
		return err
	}
	bytesAfter, err := bytesRead()
	if err != nil {
		return err
	}
	readsAfter, err := side.DeviceReads(s.dir)
	s.note(took)
	s.report.Reads = float64(readsAfter-readsBefore) / float64(reads)
	s.report.Read = float64(bytesAfter-bytesBefore) / float64(reads)
	return err
}

// note records the percentiles of times, which must be sorted.
func (s *step) note(times []time.Duration) {
	s.report.P50, s.report.P99 = times[len(times)/2].Seconds(), times[len(times)*99/100].Seconds()
}

// timeGets gets torrents one after the other and returns the sorted times. If undisturbed is set,
// it omits gets during which the kernel gave the CPU to another thread. On a busy machine that is
// one get in a hundred, and says nothing of the store.
func (s *step) timeGets(numbers []uint64, undisturbed bool) ([]time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	times := make([]time.Duration, 0, len(numbers))
	for _, n := range numbers {
		wanted := id(n)
		before, err := preemptions()
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		if _, err := s.store.Get(context.Background(), wanted, nil); err != nil {
			return nil, err
		}
		took := time.Since(begin)
		if after, err := preemptions(); err != nil || !undisturbed || after == before {
			times = append(times, took)
		}
	}
	slices.Sort(times)
	return times, nil
}

// preemptions returns how often the kernel has preempted this thread.
func preemptions() (int64, error) {
	var usage unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_THREAD, &usage)
	return usage.Nivcsw, err
}

// bytesRead returns how many bytes the kernel has read from devices for this process.
func bytesRead() (int64, error) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
		var n int64
		if _, err := fmt.Sscanf(lines.Text(), "read_bytes: %d", &n); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no read_bytes in /proc/self/io")
}
