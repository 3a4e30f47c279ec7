//go:build e2e

package histories

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startNode runs a node over a prefix of the bucket behind w.
func startNode(t *testing.T, w *wire, keys, key string) *server {
	t.Helper()
	s := &server{http: freeAddress(t), grpc: freeAddress(t), admin: freeAddress(t), late: atNodes}
	s.args = []string{"serve", "--http-addr", s.http, "--grpc-addr", s.grpc, "--admin-addr", s.admin, "--store", w.location("p"),
		"--local-cache-dir", t.TempDir(), "--local-cache-max-stale", maxStale.String(),
		"--keys-file", keys, "--anonymous", "read,write", "--removed-status", "410", "--log-level", "error"}
	startServer(t, s)
	s.connect(t, key)
	return s
}

// startEdge runs a gateway in front of nodes.
func startEdge(t *testing.T, nodes ...*server) *server {
	t.Helper()
	var backends []string
	for _, node := range nodes {
		backends = append(backends, node.grpc)
	}
	s := &server{http: freeAddress(t), admin: freeAddress(t), late: atEdges}
	s.args = []string{"gateway", "--http-addr", s.http, "--admin-addr", s.admin, "--backend", strings.Join(backends, ","),
		"--max-stale", maxStale.String(), "--removed-status", "410", "--log-level", "error"}
	startServer(t, s)
	s.connect(t, "")
	return s
}

// TestNodesOverABucket runs three nodes and an edge over a bucket with a faulty connection, and
// kills a node in each round.
func TestNodesOverABucket(t *testing.T) {
	setCredentials(t)
	keys, key := keysFile(t)
	seed := rand.Uint64()
	w := startWire(t, seed)
	nodes := []*server{startNode(t, w, keys, key), startNode(t, w, keys, key), startNode(t, w, keys, key)}
	l := newLoad(t, append(nodes, startEdge(t, nodes...)), 5*time.Millisecond)
	random := rand.New(rand.NewPCG(seed, 0))
	for start, d := time.Now(), lasting(t, 15*time.Second); time.Since(start) < d && !t.Failed(); {
		node := nodes[random.IntN(len(nodes))]
		l.round(t, func() {
			w.set(random.IntN(6))
			time.Sleep(time.Duration(random.Int64N(int64(3 * time.Second)))) // the moment of the kill
			node.kill(t)
			w.set(0)
			node.run(t)
			time.Sleep(300 * time.Millisecond) // time for calls that see the result
		})
	}
}

// TestNodeThatSlept runs two nodes over a bucket. It stops one of them, whose clients only read,
// for longer than a node may serve copies without reading the feed, and lets it continue.
func TestNodeThatSlept(t *testing.T) {
	setCredentials(t)
	keys, key := keysFile(t)
	w := startWire(t, rand.Uint64())
	sleeper := startNode(t, w, keys, key)
	sleeper.readOnly = true
	l := newLoad(t, []*server{startNode(t, w, keys, key), sleeper}, 5*time.Millisecond)
	random := rand.New(rand.NewPCG(l.seed, 0))
	for start, d := time.Now(), lasting(t, 12*time.Second); time.Since(start) < d && !t.Failed(); {
		l.round(t, func() {
			time.Sleep(time.Second) // time to fill the caches
			sleeper.signal(t, syscall.SIGSTOP)
			asleep := maxStale + time.Duration(random.Int64N(int64(time.Second)))
			time.Sleep(asleep)
			sleeper.signal(t, syscall.SIGCONT)
			time.Sleep(time.Second) // time for calls that read from its caches
		})
	}
}
