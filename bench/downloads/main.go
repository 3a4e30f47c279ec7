// Command downloads compares downloads from torrentcache with downloads from nginx.
//
//	go run ./bench/downloads > table.md                  all rows, 5 rounds; a quarter of an hour
//	go run ./bench/downloads -rows mix,4k -rounds 9      some rows
//	go run ./bench/downloads -distinct 40000             less memory and disk; 0 leaves that row out
//	go run ./bench/downloads -busy -time 10s             latency while the server does other work
//
// Servers run on one core and the load generator on another, in interleaved rounds; a figure is
// the median. The peer is the better of nginx with and without tcp_nopush. The program needs
// Linux, two cores, and the Debian packages nginx-light, wrk, nghttp2-client and util-linux. It
// installs missing ones and says so.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

type options struct {
	rounds   int
	time     time.Duration
	distinct int
	busy     bool
	dir      string
	clients  int
}

func main() {
	// The program runs itself again to hold files in memory and to push.
	if len(os.Args) == 3 && os.Args[1] == "hold" {
		fail(holdFiles(os.Args[2]))
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "push" {
		fail(pushNew(os.Args[2]))
		return
	}
	var o options
	flag.IntVar(&o.distinct, "distinct", 200_000, "torrents of the row with a cache for a tenth of them; 0 leaves it out")
	flag.BoolVar(&o.busy, "busy", false, "measure, instead of the rows, the 99.9th percentile while the server takes a push, compacts and verifies")
	names := flag.String("rows", "", "measure these rows, with commas between: "+strings.Join(keys(rows(1)), ",")+"; all if empty")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each row")
	flag.DurationVar(&o.time, "time", 3*time.Second, "length of the load on one server in one round, in whole seconds")
	flag.IntVar(&o.clients, "clients", 64, "connections")
	flag.StringVar(&o.dir, "dir", "", "folder for torrents and stores, kept; a temporary one if empty")
	flag.Parse()
	chosen, err := choose(rows(o.distinct), *names)
	fail(err)
	fail(run(o, chosen))
}

// keys returns the names of the rows on the command line.
func keys(rows []row) []string {
	var all []string
	for _, r := range rows {
		all = append(all, r.key)
	}
	return all
}

// choose returns the rows whose keys are in names, separated by commas; all rows if names is
// empty.
func choose(rows []row, names string) ([]row, error) {
	if names == "" {
		return rows, nil
	}
	var chosen []row
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(rows, func(r row) bool { return r.key == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no row %q but these: %s", name, strings.Join(keys(rows), ","))
		}
		chosen = append(chosen, rows[i])
	}
	return chosen, nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "downloads:", err)
		os.Exit(1)
	}
}

func run(o options, rows []row) error {
	if err := prerequisites(); err != nil {
		return err
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "torrentcache-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	if o.busy {
		return measureBusy(o)
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer b.stop()
	if err := b.fill(rows); err != nil {
		return err
	}
	table := [][]string{head()}
	for _, r := range rows {
		line, err := b.measure(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		table = append(table, line)
		fmt.Fprintln(os.Stderr, line)
	}
	machine := side.Machine([]string{"nginx", "-v"}, []string{"wrk", "-v"}, []string{"h2load", "--version"})
	fmt.Printf("%s\nMachine: %s. %d rounds of %s, %d connections; nginx keeps up to %d files open.\n",
		side.Table(table), machine, o.rounds, o.time, o.clients, openFiles())
	return nil
}
