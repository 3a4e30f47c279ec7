package s3store

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// counter is a transport that counts the requests for objects of the feed and for
// torrents, and makes each take as long as it does over a network.
type counter struct {
	took time.Duration

	mu     sync.Mutex
	counts map[string]int // by method and kind
}

// RoundTrip implements [http.RoundTripper].
func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	kind := "other"
	switch {
	case strings.Contains(req.URL.Path, "/feed/"):
		kind = "feed"
	case strings.Contains(req.URL.Path, "/t/"):
		kind = "torrent"
	}
	c.mu.Lock()
	c.counts[req.Method+" "+kind]++
	c.mu.Unlock()
	time.Sleep(c.took)
	return http.DefaultTransport.RoundTrip(req)
}

// TestRequestsOfPuts counts what new torrents cost when many writers put them at
// each of some nodes: one write for each name, and the feed next to nothing.
func TestRequestsOfPuts(t *testing.T) {
	const each = 10
	for _, test := range []struct {
		name    string
		nodes   int
		writers int // at each
		shape   storetest.Shape
		names   int
		feed    float64 // at most, requests for it in each put
	}{
		{"one node", 1, 64, storetest.V1, 1, 0.1},
		{"three nodes", 3, 64, storetest.V1, 1, 0.35},
		{"three nodes, few writers", 3, 21, storetest.V1, 1, 0.6},
		{"three nodes, hybrids", 3, 64, storetest.Hybrid, 3, 0.35},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, c := newMemoryEngine(t), &counter{took: 20 * time.Millisecond, counts: map[string]int{}}
			nodes := make([]*Store, test.nodes)
			for i := range nodes {
				o := e.options("requests/", fixedTime)
				o.Transport, o.Poll = c, DefaultPoll
				nodes[i] = open(t, o)
			}
			clear(c.counts)
			var group sync.WaitGroup
			for i, s := range nodes {
				for w := range test.writers {
					group.Go(func() {
						for n := range each {
							mustPut(t, s, storetest.Torrent(test.shape, uint64(i<<20|w<<10|n), 300, 0), store.Created)
						}
					})
				}
			}
			begin := time.Now()
			group.Wait()
			puts := test.nodes * test.writers * each
			c.mu.Lock()
			defer c.mu.Unlock()
			t.Logf("%d puts in %v: %v", puts, time.Since(begin), c.counts)
			if got := c.counts["PUT torrent"]; got != puts*test.names || c.counts["GET torrent"] != 0 {
				t.Errorf("%d writes and %d reads of torrents, want %d and none", got, c.counts["GET torrent"], puts*test.names)
			}
			if got := float64(c.counts["PUT feed"]+c.counts["GET feed"]) / float64(puts); got > test.feed {
				t.Errorf("%.2f requests for the feed in each put, want at most %.2f", got, test.feed)
			}
		})
	}
}
