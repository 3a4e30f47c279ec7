//go:build e2e

package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/store"
)

// testFailures puts three nodes and an edge under load. It kills one node, which has a local
// cache, with SIGKILL, and stops and starts one of Ceph's OSDs. No acknowledged torrent is ever
// missing, no byte is wrong, every error is a documented one, and the feed has every acknowledged
// upload.
func (e *s3Engine) testFailures(t *testing.T) {
	cached := e.startNode(t, "failures", e.address, localCache(t)...)
	nodes := append([]*server{cached}, e.startNodes(t, 2, "failures", e.address)...)
	l := &bucketLoad{t: t, nodes: nodes, edge: startEdge(t, nodes), stop: make(chan struct{})}
	l.start()
	await := func(n int64) { l.await(n) }
	await(100)
	l.dead.Store(nodes[0])
	nodes[0].stop(t, syscall.SIGKILL)
	await(100)
	if e.dir != "" {
		e.script(t, "osd-stop", e.dir, "0")
		await(100)
		e.script(t, "osd-start", e.dir, "0")
		await(100)
	}
	nodes[0].start(t, nodes[0].cmd.Args[1:])
	l.dead.Store(nil)
	await(100)
	close(l.stop)
	l.group.Wait()
	t.Logf("%d uploads acknowledged, %d answered UNAVAILABLE, %d downloads", len(l.acked), l.refused.Load(), l.read.Load())
	l.checkAll()
	l.checkFeed()
}

// bucketLoad is a load of writers and readers on several nodes and an edge.
type bucketLoad struct {
	t     *testing.T
	nodes []*server
	edge  *server
	dead  atomic.Pointer[server] // the node that is expected not to answer
	stop  chan struct{}
	group sync.WaitGroup

	next, refused, read atomic.Int64

	mu    sync.Mutex
	acked []uint64 // numbers of torrents
}

func (l *bucketLoad) start() {
	for i := range l.nodes {
		cache := cacheOf(l.t, l.nodes[i])
		for range 2 {
			l.run(func() { l.uploadByGRPC(l.nodes[i], cache) })
		}
	}
	for range 3 {
		l.run(l.uploadByEdge)
		l.run(l.download)
	}
}

// run repeats f until the load is stopped.
func (l *bucketLoad) run(f func()) {
	l.group.Go(func() {
		for {
			select {
			case <-l.stop:
				return
			default:
				f()
			}
		}
	})
}

// await waits until n more uploads are acknowledged.
func (l *bucketLoad) await(n int64) {
	l.t.Helper()
	deadline := time.Now().Add(2 * patience)
	for want := l.count() + int(n); l.count() < want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("the load came to a halt at %d uploads", l.count())
		}
	}
}

func (l *bucketLoad) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

func (l *bucketLoad) acknowledge(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked = append(l.acked, n)
}

func (l *bucketLoad) uploadByGRPC(node *server, cache torrentcachev1.CacheServiceClient) {
	n := uint64(l.next.Add(1))
	_, err := cache.CacheTorrent(context.Background(), &torrentcachev1.CacheTorrentRequest{Torrent: numbered(n)})
	switch {
	case err == nil:
		l.acknowledge(n)
	case status.Code(err) == codes.Unavailable:
		l.refused.Add(1)
		time.Sleep(10 * time.Millisecond)
	default:
		l.t.Errorf("upload at a node: %v", err)
	}
}

func (l *bucketLoad) uploadByEdge() {
	n := uint64(l.next.Add(1))
	resp, err := http.Post("http://"+l.edge.HTTP+"/v1/torrents", "application/x-bittorrent", bytes.NewReader(numbered(n)))
	if err != nil {
		l.t.Errorf("upload at the edge: %v", err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	switch resp.StatusCode {
	case http.StatusCreated, http.StatusOK:
		l.acknowledge(n)
	case http.StatusServiceUnavailable:
		l.refused.Add(1)
		time.Sleep(10 * time.Millisecond)
	default:
		l.t.Errorf("upload at the edge: %s %s", resp.Status, body)
	}
}

// download fetches an acknowledged torrent from a random node or the edge.
func (l *bucketLoad) download() {
	l.mu.Lock()
	var n uint64
	if len(l.acked) > 0 {
		n = l.acked[rand.IntN(len(l.acked))]
	}
	l.mu.Unlock()
	doors := append([]*server{l.edge}, l.nodes...)
	s := doors[rand.IntN(len(doors))]
	if n == 0 || s == l.dead.Load() {
		time.Sleep(time.Millisecond)
		return
	}
	resp, err := http.Get(fmt.Sprintf("http://%s/torrent/%s.torrent", s.HTTP, hashOfTorrent(l.t, numbered(n))))
	if err != nil {
		if s != l.nodes[0] { // the node may have died meanwhile
			l.t.Errorf("download: %v", err)
		}
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case resp.StatusCode == http.StatusServiceUnavailable || err != nil && s == l.nodes[0]:
	case resp.StatusCode != http.StatusOK || err != nil || !bytes.Equal(body, numbered(n)):
		l.t.Errorf("torrent %d, which was acknowledged: %s, %d bytes, %v", n, resp.Status, len(body), err)
	}
	l.read.Add(1)
}

// checkAll reads every acknowledged torrent at every node.
func (l *bucketLoad) checkAll() {
	l.t.Helper()
	for i, node := range l.nodes {
		cache := cacheOf(l.t, node)
		var group sync.WaitGroup
		queue := make(chan uint64)
		for range 8 {
			group.Go(func() {
				for n := range queue {
					if err := checkOne(l.t, cache, n, stored); err != nil {
						l.t.Errorf("node %d, torrent %d: %v", i, n, err)
					}
				}
			})
		}
		for _, n := range l.acked {
			queue <- n
		}
		close(queue)
		group.Wait()
	}
}

// checkFeed fails unless the feed of a surviving node has every acknowledged torrent. It reads
// the feed up to its end as of the last acknowledgement. A torrent that is not there by then is
// missing, however slow the machine is.
func (l *bucketLoad) checkFeed() {
	l.t.Helper()
	missing := map[string]bool{}
	for _, n := range l.acked {
		missing[hashOfTorrent(l.t, numbered(n))] = true
	}
	conn := dialPort(l.t, l.nodes[2].GRPC)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(l.t.Context(), 2*patience)
	defer cancel()
	sync := torrentcachev1.NewSyncServiceClient(conn)
	end := l.watch(ctx, sync, "now", func(*torrentcachev1.WatchChangesResponse, store.Cursor) bool { return true })
	at := l.watch(ctx, sync, "", func(news *torrentcachev1.WatchChangesResponse, at store.Cursor) bool {
		for _, c := range news.GetChanges() {
			delete(missing, c.GetInfoHash())
		}
		return at.Epoch == end.Epoch && at.Sequence >= end.Sequence
	})
	if len(missing) > 0 {
		l.t.Errorf("%d of %d acknowledged torrents are not in the feed, which was read to %v, beyond %v", len(missing), len(l.acked), at, end)
	}
}

// watch reads a feed after a cursor until enough returns true, and returns the cursor it reached.
func (l *bucketLoad) watch(ctx context.Context, sync torrentcachev1.SyncServiceClient, after string,
	enough func(*torrentcachev1.WatchChangesResponse, store.Cursor) bool,
) store.Cursor {
	l.t.Helper()
	feed, err := sync.WatchChanges(ctx, &torrentcachev1.WatchChangesRequest{AfterCursor: after})
	if err != nil {
		l.t.Fatal(err)
	}
	for {
		news, err := feed.Recv()
		if err != nil {
			l.t.Fatalf("the feed after %q breaks off: %v", after, err)
		}
		at, ok := store.ParseCursor(news.GetCursor())
		if !ok {
			l.t.Fatalf("the feed's cursor is %q", news.GetCursor())
		}
		if enough(news, at) {
			return at
		}
	}
}
