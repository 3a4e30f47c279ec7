// Command metainfo compares package metainfo with the hashing that it cannot avoid (SHA-1 for v1,
// SHA-256 for v2), and prints the ratios as a Markdown table:
//
//	go run ./bench/metainfo
//
// The two sides of a ratio run in turns, so that other load on the machine affects both. Each
// number is the median of the rounds. On a shared machine differences under 10 % are noise.
package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func main() {
	rounds := flag.Int("rounds", 51, "rounds to take the median of")
	flag.Parse()
	if err := run(os.Stdout, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "metainfo:", err)
		os.Exit(1)
	}
}

// sample is a torrent to measure with, and the hash that any parser must compute.
type sample struct {
	name string
	file []byte
	hash func(info []byte) byte
}

func samples() []sample {
	var files []torrenttest.File
	for i := range 300 {
		files = append(files, torrenttest.File{Path: fmt.Sprintf("season %d/episode %d.mkv", i/10, i), Data: torrenttest.Data(uint64(i), 60_000)})
	}
	bySHA1 := func(info []byte) byte { return sha1.Sum(info)[0] }
	bySHA256 := func(info []byte) byte { return sha256.Sum256(info)[0] }
	both := func(info []byte) byte { return bySHA1(info) + bySHA256(info) }
	return []sample{
		{"v1, one file, 20 KB", torrenttest.Random(1, 20_000), bySHA1},
		{"v1, one file, 100 KB", torrenttest.Random(2, 100_000), bySHA1},
		{"v1, one file, 1 MB", torrenttest.Random(3, 1_000_000), bySHA1},
		{"v1, 300 files", torrenttest.V1("files", files...), bySHA1},
		{"v2, 300 files", torrenttest.V2("files", files...), bySHA256},
		{"hybrid, one file", torrenttest.Hybrid("one"), both},
	}
}

func run(w io.Writer, rounds int) error {
	fmt.Fprintf(w, "metainfo.Parse, %s %s/%s, median of %d rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, rounds)
	fmt.Fprintln(w, "| torrent | bytes | Parse without hashing | Parse / hashing alone | allocations |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|")
	for _, s := range samples() {
		row, err := measure(s, rounds)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintln(w, row)
	}
	runtime.KeepAlive(sink)
	fmt.Fprintln(w, "\nGoals: for v1, one file, 20 KB at most 1 us without hashing and a ratio of at most 1.10.")
	return nil
}

// sink keeps the compiler from removing the measured code.
var sink byte

func measure(s sample, rounds int) (string, error) {
	torrent, err := metainfo.Parse(s.file)
	if err != nil {
		return "", err
	}
	offset, length := torrent.InfoSpan()
	info := s.file[offset : offset+length]
	parse := func() {
		t, _ := metainfo.Parse(s.file) // no error: it was parsed above
		sink += t.Bytes()[0]
	}
	hash := func() { sink += s.hash(info) }
	// A round of about 2 ms is long enough for the clock.
	runs := max(1, int(2*time.Millisecond/max(1, perRun(parse, 1))))
	var parses, hashes, ratios []float64
	for range rounds {
		p, h := float64(perRun(parse, runs)), float64(perRun(hash, runs))
		parses, hashes, ratios = append(parses, p), append(hashes, h), append(ratios, p/h)
	}
	return fmt.Sprintf("| %s | %d | %.2f us | %.2f | %.0f |", s.name, len(s.file),
		(median(parses)-median(hashes))/1000, median(ratios), allocations(parse)), nil
}

// perRun returns the time of one run in nanoseconds.
func perRun(f func(), runs int) time.Duration {
	start := time.Now()
	for range runs {
		f()
	}
	return time.Since(start) / time.Duration(runs)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func allocations(f func()) float64 {
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / runs)
}
