// Command rpc compares torrentcache's calls, over gRPC, as JSON and by the upload form, with
// plain grpc-go, plain grpc-gateway and the bare disk.
//
//	go run ./bench/rpc > table.md
//
// Servers run on one core and the load generator on another, in interleaved rounds; a figure is
// the median. It needs Linux, two cores, and the Debian package util-linux.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

type options struct {
	rounds  int
	time    time.Duration
	only    *regexp.Regexp
	dir     string
	clients int
	conns   int
}

func main() {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		fail(roles[os.Args[1]](os.Args[2:]))
		return
	}
	var o options
	only := flag.String("only", "", "measure the rows whose name matches this regular expression")
	flag.IntVar(&o.rounds, "rounds", 9, "rounds of each row")
	flag.DurationVar(&o.time, "time", 2*time.Second, "length of the load on one server in one round")
	flag.IntVar(&o.clients, "clients", 64, "calls at a time")
	flag.IntVar(&o.conns, "conns", 8, "connections that gRPC calls share")
	flag.StringVar(&o.dir, "dir", "", "folder for stores; a temporary one if empty")
	congestion := flag.String("congestion", "cubic", "TCP congestion control of the servers that this program runs itself: what Linux has by default; empty: the machine's")
	profiles := flag.String("profiles", "", "existing folder for CPU profiles of the servers that this program runs itself")
	flag.Parse()
	fail(os.Setenv(congestionVariable, *congestion))
	if *profiles != "" {
		fail(os.Setenv(profileVariable, *profiles))
	}
	o.only = regexp.MustCompile(*only)
	fail(run(o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "rpc:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if _, err := exec.LookPath("taskset"); err != nil || runtime.NumCPU() < 2 {
		return fmt.Errorf("this needs Linux with two cores, and taskset (apt-get install util-linux)")
	}
	dir, err := os.MkdirTemp(o.dir, "torrentcache-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.dir = dir
	if err := build(dir); err != nil {
		return err
	}
	table := [][]string{{"", "torrentcache", "peer", "ratio", "floor", "target", "requests/s, ratio"}}
	for _, r := range rows() {
		if !o.only.MatchString(r.name) {
			continue
		}
		line, err := measure(o, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		table = append(table, line)
		fmt.Fprintln(os.Stderr, line)
	}
	fmt.Printf("%s\nMachine: %s. %d rounds of %s, %d calls at a time; gRPC over %d connections.\n",
		side.Table(table), side.Machine(), o.rounds, o.time, o.clients, o.conns)
	return nil
}
