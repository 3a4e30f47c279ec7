// Command s3 measures puts and gets through nodes that share a bucket, side by
// side with minio-go alone against the same object store.
//
//	go run ./bench/s3                        starts test/s3-engine (Ceph, see test/install-prerequisites)
//	go run ./bench/s3 -endpoint HOST:PORT    a running one; credentials as AWS's tools find them
//
// Rounds are interleaved, a figure is the median, and what counts are the ratios.
// It prints Markdown. Run it from the module's folder, while the machine does
// nothing else.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	took     time.Duration // of one target in one round
}

func main() {
	var o options
	flag.StringVar(&o.endpoint, "endpoint", "", "host:port of a running engine, without TLS (default: start test/s3-engine)")
	flag.StringVar(&o.bucket, "bucket", "bench", "bucket, made if it is not there; what is written stays")
	flag.IntVar(&o.size, "size", 40_000, "size of a torrent in bytes")
	flag.IntVar(&o.clients, "clients", 64, "requests at a time")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds")
	flag.DurationVar(&o.took, "took", 3*time.Second, "how long each target is loaded in a round")
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
	if o.endpoint == "" {
		stop, err := startEngine(&o, dir)
		if err != nil {
			return err
		}
		defer stop()
	}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "torrentcache"), "./cmd/torrentcache").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	targets, stop, err := startTargets(o, dir)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("%s\n\n%d clients, torrents of %d bytes, median of %d rounds of %s each\n\n", side.Machine(), o.clients, o.size, o.rounds, o.took)
	for _, kind := range []string{"puts", "gets"} {
		if err := measure(o, kind, targets); err != nil {
			return err
		}
	}
	return nil
}

// startEngine runs the engine of the tests in a folder below dir.
func startEngine(o *options, dir string) (stop func(), err error) {
	const port = "19501"
	home := filepath.Join(dir, "engine")
	script := func(args ...string) error {
		cmd := exec.Command("test/s3-engine", args...)
		cmd.Stderr = os.Stderr
		return cmd.Run()
	}
	stop = func() { _ = script("stop", home) }
	if err := script("start", home, port); err != nil {
		stop()
		return nil, fmt.Errorf("test/s3-engine: %w", err)
	}
	o.endpoint = "127.0.0.1:" + port
	os.Setenv("AWS_ACCESS_KEY_ID", "test")
	os.Setenv("AWS_SECRET_ACCESS_KEY", "testsecret")
	return stop, nil
}

func makeBucket(c *minio.Client, name string) error {
	exists, err := c.BucketExists(context.Background(), name)
	if err != nil || exists {
		return err
	}
	return c.MakeBucket(context.Background(), name, minio.MakeBucketOptions{})
}

// measure loads the targets in turn and prints the medians and their ratio to
// the first.
func measure(o options, kind string, targets []target) error {
	rates := make([][]float64, len(targets))
	for range o.rounds {
		for i, t := range targets {
			rate, err := load(o, t, kind)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", t.name, kind, err)
			}
			rates[i] = append(rates[i], rate)
		}
	}
	rows := [][]string{{kind, "a second", "ratio"}}
	base := side.Median(rates[0])
	for i, t := range targets {
		rate := side.Median(rates[i])
		rows = append(rows, []string{t.name, fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.2f", rate/base)})
	}
	fmt.Println(strings.TrimSpace(side.Table(rows)) + "\n")
	return nil
}
