// Command downloads measures downloads of torrentcache and of nginx side by side.
//
//	go run ./bench/downloads > table.md
//
// Servers run on one core and the load generator on another, in interleaved
// rounds; a figure is the median. It needs Linux, two cores, and of Debian the
// packages nginx-light, wrk, nghttp2-client and util-linux, which it installs, saying
// so, if they are missing.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

type options struct {
	rounds  int
	time    time.Duration
	many    int
	only    *regexp.Regexp
	dir     string
	clients int
}

func main() {
	// Serving files as net/http does is one of the peers.
	if len(os.Args) == 7 && os.Args[1] == "fileserver" {
		fail(fileServer(os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]))
		return
	}
	// Keeping files in memory for it takes processes of its own.
	if len(os.Args) == 3 && os.Args[1] == "hold" {
		fail(holdFiles(os.Args[2]))
		return
	}
	var o options
	only := flag.String("only", "", "measure the rows whose name matches this regular expression")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds of each row")
	flag.DurationVar(&o.time, "time", 3*time.Second, "length of the load on one server in one round")
	flag.IntVar(&o.many, "many", 200_000, "torrents of the row with a cache for a tenth of them")
	flag.IntVar(&o.clients, "clients", 64, "connections")
	flag.StringVar(&o.dir, "dir", "", "folder for torrents and stores, kept; a temporary one if empty")
	flag.Parse()
	o.only = regexp.MustCompile(*only)
	fail(run(o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "downloads:", err)
		os.Exit(1)
	}
}

func run(o options) error {
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
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer b.stop()
	table := [][]string{{"download", "torrentcache", "nginx", "ratio", "floor", "target", "nginx, tcp_nopush", "ratio", "net/http files", "ratio", "requests/s, ratio"}}
	for _, r := range rows(o.many) {
		if !o.only.MatchString(r.name) {
			continue
		}
		line, err := b.measure(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		table = append(table, line)
		fmt.Fprintln(os.Stderr, line)
	}
	fmt.Printf("%s\n\nMachine: %s. %d rounds of %s, %d connections.\n", side.Table(table),
		side.Machine([]string{"nginx", "-v"}, []string{"wrk", "-v"}, []string{"h2load", "--version"}), o.rounds, o.time, o.clients)
	return nil
}
