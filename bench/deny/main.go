// Command deny measures the cost of a deny list: the time to read it, its memory, and the latency
// of lookups while it is read again. It prints a Markdown table:
//
//	go run ./bench/deny
//
// Wall time on a shared machine says little, so the table has the CPU time, too.
package main

import (
	"bufio"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/deny"
)

func main() {
	lines := flag.Int("lines", 1_000_000, "lines of the list")
	flag.Parse()
	if err := run(os.Stdout, *lines); err != nil {
		fmt.Fprintln(os.Stderr, "deny:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, lines int) error {
	dir, err := os.MkdirTemp("", "deny")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(w, "| %d lines of | read in | processor time | heap | look-up | 99.9th percentile of a look-up, quiet | while read again |\n|---|---|---|---|---|---|---|\n", lines)
	for _, kind := range []struct {
		name string
		line func(infohash.ID) string
	}{
		{"info hashes", infohash.ID.String},
		{"digests", func(id infohash.ID) string { return fmt.Sprintf("//%x", sha256.Sum256([]byte(id.String()))) }},
	} {
		name := filepath.Join(dir, "list")
		if err := write(name, lines, kind.line); err != nil {
			return err
		}
		m, err := measure(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %v | %v | %.1f MB | %v | %v | %v |\n", kind.name, m.wall.Round(time.Millisecond), m.cpu.Round(time.Millisecond),
			float64(m.heap)/1e6, m.lookup, m.quiet, m.busy)
	}
	return nil
}

// numbered returns the n-th of many ids.
func numbered(n int) infohash.ID {
	return infohash.V1(sha1.Sum(binary.BigEndian.AppendUint64(nil, uint64(n))))
}

func write(name string, lines int, line func(infohash.ID) string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	for n := range lines {
		if _, err := fmt.Fprintln(w, line(numbered(n))); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return file.Sync()
}

type measured struct {
	wall, cpu, lookup, quiet, busy time.Duration
	heap                           int64
}

func measure(name string) (m measured, err error) {
	before, began, used := heap(), time.Now(), cpu()
	lists, err := deny.Open(deny.Options{Files: []string{name}})
	if err != nil {
		return m, err
	}
	m.wall, m.cpu = time.Since(began), cpu()-used
	m.heap = heap() - before
	if m.lookup, m.quiet, err = lookups(lists, nil); err != nil {
		return m, err
	}
	again := make(chan error, 1)
	go func() { again <- lists.Reload([]string{name}) }()
	_, m.busy, err = lookups(lists, again)
	return m, err
}

// lookups looks up ids, half of them listed, until done delivers, or 200,000 of them. It returns
// the median and the 99.9th percentile of their latency.
func lookups(lists *deny.Lists, done <-chan error) (median, tail time.Duration, err error) {
	const some = 200_000
	took := make([]time.Duration, 0, some)
	for n := 0; ; n++ {
		id := numbered(n)
		if n%2 == 1 {
			id = numbered(-n)
		}
		began := time.Now()
		lists.Find(id)
		took = append(took, time.Since(began))
		if done == nil && n >= some {
			break
		}
		select {
		case err = <-done:
			done = nil
		default:
			continue
		}
		break
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1-len(took)/1000], err
}

// heap returns the size of the heap in bytes, after a run of the garbage collector.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// cpu returns the CPU time of this process.
func cpu() time.Duration {
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use) // it cannot fail for this process
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
