package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// orders is how many h2load processes share the connections. All connections of one process
// request the same paths in the same order; each process has its own order.
const orders = 8

var (
	finished  = regexp.MustCompile(`finished in ([0-9.]+)(us|ms|s)`)
	succeeded = regexp.MustCompile(`(\d+) succeeded,`)
)

// perSecond is how many requests h2load makes for each second that a load is to last. The number
// is set instead of the time, because h2load 1.52 with a time sometimes stops its clients and
// never ends.
const perSecond = 20_000

// h2load loads the server at addr once over HTTP/2, with one request at a time on each
// connection.
func (b *bench) h2load(r row, addr string, took time.Duration) (side.Load, error) {
	requests := int(perSecond*took.Seconds()) / orders
	loads, errs := make([]side.Load, orders), make([]error, orders)
	var all sync.WaitGroup
	for i := range orders {
		all.Go(func() { loads[i], errs[i] = b.h2loadOnce(addr, requests, b.orderFile(r, i)) })
	}
	all.Wait()
	var sum side.Load
	for i, l := range loads {
		if errs[i] != nil {
			return side.Load{}, errs[i]
		}
		sum.Requests += l.Requests
		sum.Took = max(sum.Took, l.Took)
	}
	return sum, nil
}

func (b *bench) h2loadOnce(addr string, requests int, order string) (side.Load, error) {
	out, err := exec.Command("taskset", "-c", "1", "h2load", "-t", "1", "-c", strconv.Itoa(max(1, b.clients/orders)),
		"-n", strconv.Itoa(requests), "-B", "https://"+addr, "-i", order).CombinedOutput()
	if err != nil {
		return side.Load{}, fmt.Errorf("h2load: %w: %s", err, out)
	}
	spent, good := finished.FindSubmatch(out), succeeded.FindSubmatch(out)
	if spent == nil || good == nil || string(good[1]) != strconv.Itoa(requests) {
		return side.Load{}, fmt.Errorf("h2load said %s", out)
	}
	d, err := time.ParseDuration(string(spent[1]) + string(spent[2]))
	return side.Load{Requests: requests, Took: d}, err
}

// orderFile returns the name of the file with order i of a row's paths.
func (b *bench) orderFile(r row, i int) string { return fmt.Sprintf("%s-%d", b.pathsFile(r), i) }

func (b *bench) writeOrders(r row) error {
	paths := b.paths(r)
	for i := range orders {
		random := rand.New(rand.NewPCG(7, uint64(i)))
		random.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
		if err := os.WriteFile(b.orderFile(r, i), []byte(strings.Join(paths, "\n")+"\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}
