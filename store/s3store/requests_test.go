package s3store

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// counter is a transport that counts the requests for objects of the feed and for
// torrents, and makes each take as long as it does over a network. Its time is that of
// a bubble.
type counter struct {
	engine http.Handler
	took   time.Duration

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
	return ask(c.engine, req), nil
}

// begin counts from nothing.
func (c *counter) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts = map[string]int{}
}

// count returns how many requests there were since begin.
func (c *counter) count(request string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[request]
}

// requestsTest is so many nodes with so many writers each.
type requestsTest struct {
	name    string
	nodes   int
	writers int
	shape   storetest.Shape
	names   int     // of a torrent
	feed    float64 // at most, requests for it in each put
}

// TestRequestsOfPuts counts the requests that new torrents cost when many writers put
// them at each of some nodes: one write for each name, and the feed next to nothing.
func TestRequestsOfPuts(t *testing.T) {
	for _, test := range []requestsTest{
		{"one node", 1, 64, storetest.V1, 1, 0.1},
		{"three nodes", 3, 64, storetest.V1, 1, 0.35},
		{"three nodes, few writers", 3, 21, storetest.V1, 1, 0.6},
		{"three nodes, hybrids", 3, 64, storetest.Hybrid, 3, 0.35},
	} {
		t.Run(test.name, func(t *testing.T) { synctest.Test(t, test.run) })
	}
}

func (test requestsTest) run(t *testing.T) {
	const each = 10
	c := &counter{engine: newBubbleEngine(t), took: 20 * time.Millisecond}
	c.begin()
	nodes := make([]*Store, test.nodes)
	for i := range nodes {
		nodes[i] = openInBubble(t, c)
	}
	c.begin()
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
	group.Wait()
	puts := test.nodes * test.writers * each
	if writes, reads := c.count("PUT torrent"), c.count("GET torrent"); writes != puts*test.names || reads != 0 {
		t.Errorf("%d writes and %d reads of torrents, want %d and none", writes, reads, puts*test.names)
	}
	got := float64(c.count("PUT feed")+c.count("GET feed")) / float64(puts)
	t.Logf("%d puts, %.2f requests for the feed in each", puts, got)
	if got > test.feed {
		t.Errorf("%.2f requests for the feed in each put, want at most %.2f", got, test.feed)
	}
}
