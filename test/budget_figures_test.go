//go:build e2e

package test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// inUse are the metrics of the resources that clients occupy. The values are how much higher each
// may be after the clients have left than before they came: the garbage collector and the store
// change the number of goroutines and files.
var inUse = map[string]float64{
	"go_goroutines":                        slack,
	"process_open_fds":                     slack,
	"torrentcache_connections":             2,
	"torrentcache_streams":                 0,
	"torrentcache_uploads_in_flight":       0,
	"torrentcache_http_requests_in_flight": 0,
	memoryInUse:                            0,
}

// memoryInUse is the metric of the memory in use from the budget. It includes the cache, which
// stays, so it may grow by as much as cacheBytes grows.
const memoryInUse, cacheBytes = "torrentcache_memory_in_use_bytes", "torrentcache_cache_bytes"

// figures are the values of metrics, by their names.
type figures map[string]float64

var figureLine = regexp.MustCompile(`(?m)^(\w+) (\S+)$`)

// figures returns the metrics without labels.
func (g *guarded) figures(t *testing.T) figures {
	t.Helper()
	client := http.Client{Timeout: patience}
	resp, err := client.Get("http://" + g.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := figures{}
	for _, line := range figureLine.FindAllSubmatch(text, -1) {
		if value, err := strconv.ParseFloat(string(line[2]), 64); err == nil {
			all[string(line[1])] = value
		}
	}
	return all
}

// above returns the resources of which now has more than before, as text; "" for none.
func (now figures) above(before figures) string {
	var more []string
	for name, allowed := range inUse {
		if name == memoryInUse {
			allowed += max(0, now[cacheBytes]-before[cacheBytes])
		}
		if now[name] > before[name]+allowed {
			more = append(more, fmt.Sprintf("%s is %.0f, before it was %.0f", name, now[name], before[name]))
		}
	}
	return strings.Join(more, "; ")
}

// awaitBusy waits until the server has more in use than before. It gives up after a second,
// because the work of a raid may be over already.
func (g *guarded) awaitBusy(t *testing.T, before figures) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < time.Second; time.Sleep(5 * time.Millisecond) {
		if g.figures(t).above(before) != "" {
			return
		}
	}
}

// awaitIdle waits until the server has no more in use than before.
func (g *guarded) awaitIdle(t *testing.T, before figures) {
	t.Helper()
	begun := time.Now()
	for {
		more := g.figures(t).above(before)
		took := time.Since(begun)
		if more == "" {
			t.Logf("idle again after %s", took.Round(time.Millisecond))
			return
		}
		if took > patience {
			t.Errorf("%s after the raid %s", took, more)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// awaitHighest waits until the peak memory of the server has not grown for a while, and returns
// the peak in bytes.
func (g *guarded) awaitHighest(t *testing.T) int {
	t.Helper()
	const while, least = time.Second, 1 << 20 // bytes that count as more
	highest, since := g.peakMemory(t), time.Now()
	for begun := since; time.Since(since) < while && time.Since(begun) < patience; time.Sleep(20 * time.Millisecond) {
		if peak := g.peakMemory(t); peak > highest+least {
			highest, since = peak, time.Now()
		}
	}
	return g.peakMemory(t)
}
