// Command store compares the embedded store with its building blocks: puts with a bare file that
// is appended to and synced, gets with plain files.
//
//	go run ./bench/store                          the ratios, and 10,000 and 100,000 torrents
//	go run ./bench/store -scale 10000,1000000     others; a million take 34 GB
//	TORRENTCACHE_BENCH_HUGE=1 go run ./bench/store -only - -scale 10000x1000    also 10 million of 1 KB
//
// Gets are measured with the index and the torrents in memory, with the index alone, and with
// neither. The table also has the reads of the device, which include those of other programs.
//
// Rounds are interleaved, a figure is the median, and only the ratios are comparable. It prints
// Markdown. Run it on Linux, on the disk in question (-dir), while the machine is otherwise idle.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

type options struct {
	dir    string
	rounds int
	puts   int
	only   *regexp.Regexp // names of ratios
	scale  []scaleRow
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		fail(child(os.Args[2:]))
		return
	}
	var o options
	flag.StringVar(&o.dir, "dir", os.TempDir(), "folder for stores and files, on the disk to measure")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each row")
	flag.IntVar(&o.puts, "puts", 4000, "torrents of a round of puts by 256 writers and in batches")
	only := flag.String("only", "", "measure the ratios of this name (many, one, batches, get1, get64) or regular expression; none is -only -")
	scale := flag.String("scale", "10000,100000", "numbers of torrents for the table of scale; 1000000x1000 is a million of 1,000 bytes")
	flag.Parse()
	o.only = regexp.MustCompile(*only)
	for field := range strings.FieldsFuncSeq(*scale, func(r rune) bool { return r == ',' }) {
		row, err := parseRow(field)
		fail(err)
		o.scale = append(o.scale, row)
	}
	if os.Getenv("TORRENTCACHE_BENCH_HUGE") != "" {
		o.scale = append(o.scale, scaleRow{torrents: 10_000_000, size: 1000})
	}
	fail(run(o))
}

// parseRow reads a number of torrents and optionally their size, as in 10000x1000.
func parseRow(text string) (row scaleRow, err error) {
	torrents, size, sized := strings.Cut(text, "x")
	if row.torrents, err = strconv.Atoi(torrents); err == nil && sized {
		row.size, err = strconv.Atoi(size)
	}
	return row, err
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "store:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	dir, err := os.MkdirTemp(o.dir, "torrentcache-bench-store-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.dir = dir
	fmt.Printf("%s; load average before: %s\n\n", side.Machine(), side.LoadAverage())
	if err := ratios(o); err != nil {
		return err
	}
	return scaleTable(o)
}

// ratios prints the table of the measurements that have a yardstick.
func ratios(o options) error {
	rows := [][]string{{"what", "store", "yardstick", "ratio", "goal"}}
	for _, r := range []struct {
		name    string
		measure func(options) ([]string, error)
	}{{"many", putsOfMany}, {"one", putsOfOne}, {"batches", putsInBatches}, {"get1", getsOfOne}, {"get64", getsOfMany}} {
		if !o.only.MatchString(r.name) {
			continue
		}
		row, err := r.measure(o)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, strings.Join(row, " | "))
		rows = append(rows, row)
	}
	if len(rows) > 1 {
		fmt.Println(side.Table(rows))
	}
	return nil
}
