// Command s3 compares puts and gets through nodes that share a bucket with minio-go alone against
// the same object store.
//
//	go run ./bench/s3                        starts test/s3-engine (Ceph, see test/install-prerequisites)
//	go run ./bench/s3 -endpoint HOST:PORT    a running one; credentials as AWS's tools find them
//	go run ./bench/s3 -engine-cores 0 -cores 1    the engine as if it had a machine of its own
//
// Rounds are interleaved, a figure is the median, and only the ratios are comparable. It prints
// Markdown. Run it from the module's folder, while the machine is otherwise idle.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/torrentcache/torrentcache/bench/internal/side"
)

type options struct {
	endpoint string // host:port
	bucket   string
	size     int // of a torrent, in bytes
	clients  int
	rounds   int
	// Cores in the format of taskset: of the engine that is started, and of all other processes.
	engineCores, cores string
	took               time.Duration // of one target in one round
}

func main() {
	var o options
	flag.StringVar(&o.endpoint, "endpoint", "", "host:port of a running engine, without TLS (default: start test/s3-engine)")
	flag.StringVar(&o.bucket, "bucket", "bench", "bucket, made if it is not there; what is written stays")
	flag.IntVar(&o.size, "size", 40_000, "size of a torrent in bytes")
	flag.IntVar(&o.clients, "clients", 256, "requests at a time: with 256 Ceph takes most")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds")
	flag.DurationVar(&o.took, "took", 3*time.Second, "how long each target is loaded in a round")
	flag.StringVar(&o.engineCores, "engine-cores", "0-1023", "cores of the engine that is started")
	flag.StringVar(&o.cores, "cores", "0-1023", "cores of the nodes and the clients")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/s3:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	dir, err := os.MkdirTemp("", "bench-s3")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var parts watched
	if o.endpoint == "" {
		engine, stop, err := startEngine(&o, dir)
		if err != nil {
			return err
		}
		defer stop()
		parts = append(parts, engine)
	}
	if out, err := exec.Command("taskset", "-a", "-c", "-p", o.cores, strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w\n%s", err, out)
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "torrentcache"), "./cmd/torrentcache").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	targets, nodes, stop, err := startTargets(o, dir)
	if err != nil {
		return err
	}
	defer stop()
	parts = append(parts, nodes, part{"clients", []int{os.Getpid()}})
	fmt.Printf("%s\n\n%d clients, torrents of %d bytes, median of %d rounds of %s each; cores: engine %s, all else %s\n\n",
		side.Machine(), o.clients, o.size, o.rounds, o.took, o.engineCores, o.cores)
	for _, kind := range []string{"puts", "gets"} {
		if err := measure(o, kind, targets, parts); err != nil {
			return err
		}
	}
	return nil
}

// startEngine runs the engine of the tests in a folder below dir.
func startEngine(o *options, dir string) (engine part, stop func(), err error) {
	const port = "19501"
	home := filepath.Join(dir, "engine")
	script := func(args ...string) error {
		cmd := exec.Command("taskset", append([]string{"-c", o.engineCores, "test/s3-engine"}, args...)...)
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}
	stop = func() { _ = script("stop", home) }
	if err := script("start", home, port); err != nil {
		stop()
		return part{}, nil, fmt.Errorf("test/s3-engine: %w", err)
	}
	o.endpoint = "127.0.0.1:" + port
	os.Setenv("AWS_ACCESS_KEY_ID", "test")
	os.Setenv("AWS_SECRET_ACCESS_KEY", "testsecret")
	if engine, err = enginePart(home); err != nil {
		stop()
	}
	return engine, stop, err
}

func makeBucket(c *minio.Client, name string) error {
	exists, err := c.BucketExists(context.Background(), name)
	if err != nil || exists {
		return err
	}
	return c.MakeBucket(context.Background(), name, minio.MakeBucketOptions{})
}

// measure loads the targets in turn. It prints the medians, their ratio to the first target, and
// the CPU time that each part used for a request. The order of the targets rotates from round to
// round.
func measure(o options, kind string, targets []target, parts watched) error {
	rounds := make([][]figures, len(targets))
	for round := range o.rounds {
		for i := range targets {
			i = (i + round) % len(targets)
			if kind == "gets" && targets[i].get == nil {
				continue
			}
			f, err := loadWatched(o, targets[i], kind, parts)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", targets[i].name, kind, err)
			}
			rounds[i] = append(rounds[i], f)
		}
	}
	fmt.Println(strings.TrimSpace(table(kind, targets, rounds, parts)) + "\n")
	return nil
}

// table returns a row for each target that was measured.
func table(kind string, targets []target, rounds [][]figures, parts watched) string {
	head := []string{kind, "a second", "ratio"}
	for _, p := range append(parts, part{name: "all else"}) {
		head = append(head, "CPU of "+p.name+", ms")
	}
	rows := [][]string{append(head, "idle")}
	rate := func(f figures) float64 { return f.rate }
	for i, t := range targets {
		if len(rounds[i]) == 0 {
			continue
		}
		row := []string{t.name, fmt.Sprintf("%.0f", median(rounds[i], rate)), fmt.Sprintf("%.2f", median(rounds[i], rate)/median(rounds[0], rate))}
		for p := range head[3:] {
			row = append(row, fmt.Sprintf("%.2f", median(rounds[i], func(f figures) float64 { return f.spent[p] })))
		}
		rows = append(rows, append(row, fmt.Sprintf("%.0f%%", median(rounds[i], func(f figures) float64 { return f.idle }))))
	}
	return side.Table(rows)
}
