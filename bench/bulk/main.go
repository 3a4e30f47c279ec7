// Command bulk compares ways to cache torrents in bulk: the store alone, `torrentcache push`, the
// same push again, and curl against autoupload.php. Rounds are interleaved. The table has medians
// and their ratios; only the ratios are comparable on a shared machine.
//
//	go run ./bench/bulk                     100,000 torrents, 3.2 GB, 3 rounds
//	go run ./bench/bulk -count 20000        a quicker look
//	go run ./bench/bulk -memory 1000000     the client's memory at a million files
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	var b bench
	flag.IntVar(&b.count, "count", 100_000, "torrents")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds")
	flag.IntVar(&b.curlCount, "curl", 5_000, "torrents sent with curl, of which the rate is taken")
	flag.StringVar(&b.dir, "dir", filepath.Join(os.TempDir(), "torrentcache-bench-bulk"), "folder for torrents, kept for the next run, and for stores, which are not")
	memory := flag.Int("memory", 0, "measure the client's memory with this many tiny torrents in a tar archive instead")
	flag.Parse()
	err := b.build()
	if err == nil && *memory > 0 {
		err = b.measureMemory(*memory)
	} else if err == nil {
		err = b.measureSpeed()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bulk:", err)
		os.Exit(1)
	}
}

// bench is one run of the benchmark.
type bench struct {
	count, rounds, curlCount int
	dir                      string
	binary                   string
}

// build builds the torrentcache command, as `make build` does.
func (b *bench) build() error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	b.binary = filepath.Join(b.dir, "torrentcache")
	cmd := exec.Command("go", "build", "-trimpath", "-o", b.binary, "github.com/torrentcache/torrentcache/cmd/torrentcache")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// scratch returns a new folder for a store.
func (b *bench) scratch() (string, error) { return os.MkdirTemp(b.dir, "store-") }

// torrents returns the folder of the torrents to push.
func (b *bench) torrents() string { return filepath.Join(b.dir, fmt.Sprintf("torrents-%d", b.count)) }
