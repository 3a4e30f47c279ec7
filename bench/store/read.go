package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// Steps that measure gets, by what is in memory before.
const (
	warm     = "warm"      // the index and the torrents
	coldData = "cold-data" // the index
	cold     = "cold"      // nothing
)

// cool has the kernel drop what a step does not want in memory, before the store is opened.
func (s *step) cool(name string) error {
	if name != cold && name != coldData {
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
	if name == cold {
		return side.DropFromMemory(append(index, segments...))
	}
	for _, file := range index {
		if _, err := os.ReadFile(file); err != nil {
			return err
		}
	}
	return side.DropFromMemory(segments)
}

// readWarm measures gets of torrents all over the store that are in the page cache: each is
// read once before. It is about finding them.
func (s *step) readWarm() error {
	const chosen, reads = 10_000, 50_000
	numbers := make([]uint64, chosen)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range numbers {
		numbers[i] = random.Uint64N(s.torrents)
	}
	if _, err := s.timeGets(numbers); err != nil {
		return err
	}
	again := make([]uint64, reads)
	for i := range again {
		again[i] = numbers[random.IntN(chosen)]
	}
	times, err := s.timeGets(again)
	s.report.P50, s.report.P99 = times[reads/2].Seconds(), times[reads*99/100].Seconds()
	return err
}

// readCold measures gets of torrents all over the store, each once, and what they read.
func (s *step) readCold() error {
	reads := int(min(s.torrents/2, 5000))
	numbers, chosen := make([]uint64, 0, reads), map[uint64]bool{}
	for len(numbers) < reads {
		if n := rand.Uint64N(s.torrents); !chosen[n] {
			chosen[n] = true
			numbers = append(numbers, n)
		}
	}
	readsBefore, err := side.DeviceReads(s.dir)
	if err != nil {
		return err
	}
	bytesBefore, err := bytesRead()
	if err != nil {
		return err
	}
	times, err := s.timeGets(numbers)
	if err != nil {
		return err
	}
	bytesAfter, err := bytesRead()
	if err != nil {
		return err
	}
	readsAfter, err := side.DeviceReads(s.dir)
	s.report.P50, s.report.P99 = times[reads/2].Seconds(), times[reads*99/100].Seconds()
	s.report.Reads = float64(readsAfter-readsBefore) / float64(reads)
	s.report.Read = float64(bytesAfter-bytesBefore) / float64(reads)
	return err
}

// timeGets gets torrents one after the other and returns how long that took, sorted.
func (s *step) timeGets(numbers []uint64) ([]time.Duration, error) {
	times := make([]time.Duration, len(numbers))
	for i, n := range numbers {
		wanted := id(n)
		begin := time.Now()
		if _, err := s.store.Get(context.Background(), wanted, nil); err != nil {
			return times, err
		}
		times[i] = time.Since(begin)
	}
	slices.Sort(times)
	return times, nil
}

// bytesRead returns how many bytes this process has had read from devices.
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
