//go:build e2e

package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestBucket tests several nodes over one bucket of a real, replicated object store.
func TestBucket(t *testing.T) {
	e := startEngine(t)
	t.Run("contract", e.testContract)
	t.Run("one winner", e.testOneWinner)
	t.Run("removal", e.testRemoval)
	t.Run("deny list", e.testDenyList)
	t.Run("outage", e.testOutage)
	t.Run("local cache", e.testLocalCache)
	t.Run("failures", e.testFailures)
}

// testContract runs the contract suite. It does not reopen stores between the steps; the unit
// tests do that with an engine in memory. The request timeout is long, because an engine that
// shares two cores with other tests can take more than four seconds for a request.
func (e *s3Engine) testContract(t *testing.T) {
	prefix := map[store.Store]string{}
	storetest.Run(t, storetest.Opener{
		Open: func(t *testing.T, clock func() time.Time) store.Store {
			p := fmt.Sprintf("contract/%d/", len(prefix))
			s, err := s3store.Open(t.Context(), s3store.Options{
				Location: s3store.Location{Endpoint: e.address, Insecure: true, Bucket: e.bucket, Prefix: p},
				Clock:    clock, RequestTimeout: patience,
			})
			if err != nil {
				t.Fatal(err)
			}
			if !s.Conditional() {
				t.Fatal("the probe did not find out how the engine takes If-Match")
			}
			prefix[s] = p
			return s
		},
		Damage: func(t *testing.T, s store.Store, id infohash.ID) { e.damage(t, prefix[s]+"t/"+id.String()) },
	})
}

// damage changes the last byte of an object.
func (e *s3Engine) damage(t *testing.T, key string) {
	t.Helper()
	o, err := e.client.GetObject(t.Context(), e.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(o)
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)-1] ^= 1
	if _, err := e.client.PutObject(t.Context(), e.bucket, key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

// with returns the torrent with other outer bytes and the same info hash.
func with(torrent []byte, n int) []byte {
	return fmt.Appendf(nil, "%s6:z-testi%dee", torrent[:len(torrent)-1], n)
}

// testOneWinner races uploads of one info hash with different outer bytes at all nodes. One
// upload wins, and every node returns its bytes.
func (e *s3Engine) testOneWinner(t *testing.T) {
	nodes := e.startNodes(t, 3, "winner", e.address)
	var caches []torrentcachev1.CacheServiceClient
	for _, n := range nodes {
		caches = append(caches, cacheOf(t, n))
	}
	for round := range 9 {
		kinds := []func(string, ...torrenttest.File) []byte{torrenttest.V1, torrenttest.V2, torrenttest.Hybrid}
		torrent := kinds[round%len(kinds)](fmt.Sprint("raced ", round))
		const writers = 12
		var outcomes [writers]torrentcachev1.Outcome
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				answer, err := caches[w%3].CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: with(torrent, w)})
				if err != nil {
					t.Errorf("round %d: %v", round, err)
				}
				outcomes[w] = answer.GetOutcome()
			})
		}
		group.Wait()
		winner := -1
		for w, o := range outcomes {
			if o == torrentcachev1.Outcome_OUTCOME_CREATED {
				if winner >= 0 {
					t.Errorf("round %d: writers %d and %d both created it", round, winner, w)
				}
				winner = w
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody created it: %v", round, outcomes)
		}
		for i, c := range caches {
			answer, err := c.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hashOfTorrent(t, torrent)})
			if err != nil || !bytes.Equal(answer.GetTorrent(), with(torrent, winner)) {
				t.Errorf("round %d: node %d gives other bytes than those of the winner: %v", round, i, err)
			}
		}
	}
}

func cacheOf(t *testing.T, s *server) torrentcachev1.CacheServiceClient {
	t.Helper()
	conn := dialPort(t, s.GRPC)
	t.Cleanup(func() { conn.Close() })
	return torrentcachev1.NewCacheServiceClient(conn)
}

func adminOf(t *testing.T, s *server) torrentcachev1.AdminServiceClient {
	t.Helper()
	conn := dialPort(t, s.Admin)
	t.Cleanup(func() { conn.Close() })
	return torrentcachev1.NewAdminServiceClient(conn)
}

// Promised bounds of the time until a removal is in force.
const (
	removedAtNodes = 2 * time.Second
	removedAtEdge  = 3 * time.Second
)

// testRemoval removes torrents that every node and an edge have in memory, and measures how long
// they are still served.
func (e *s3Engine) testRemoval(t *testing.T) {
	nodes := e.startNodes(t, 3, "removal", e.address)
	edge := startEdge(t, nodes)
	admin := adminOf(t, nodes[0])
	for round := range 5 {
		torrent := torrenttest.Random(uint64(round), 20_000)
		path := upload(t, nodes[round%3].HTTP, torrent)
		doors := append([]*server{edge}, nodes...)
		for _, s := range doors {
			for range 3 { // from the store, then from memory
				if code, body := fetch(t, "http://"+s.HTTP+path); code != http.StatusOK || !bytes.Equal(body, torrent) {
					t.Fatalf("download before the removal: %d", code)
				}
			}
		}
		if _, err := admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hashOfTorrent(t, torrent)}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		var group sync.WaitGroup
		for i, s := range doors {
			limit := removedAtNodes
			if i == 0 {
				limit = removedAtEdge
			}
			group.Go(func() { awaitGone(t, "http://"+s.HTTP+path, begin, limit) })
		}
		group.Wait()
	}
}

func awaitGone(t *testing.T, url string, begin time.Time, limit time.Duration) {
	for {
		code, _ := fetch(t, url)
		took := time.Since(begin)
		switch {
		case code == http.StatusGone:
			t.Logf("gone after %v", took.Round(time.Millisecond))
			return
		case took > limit:
			t.Errorf("%s is still answered with %d %v after the removal; promised are %v", url, code, took, limit)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// testOutage cuts the nodes off from the object store for 30 seconds.
func (e *s3Engine) testOutage(t *testing.T) {
	line := startTap(t, e.address)
	nodes := e.startNodes(t, 2, "outage", line.address())
	edge := startEdge(t, nodes)
	doors := append([]*server{edge}, nodes...)
	cached, uncached := torrenttest.Random(1, 20_000), torrenttest.Random(2, 20_000)
	path, cold := upload(t, nodes[0].HTTP, cached), upload(t, nodes[0].HTTP, uncached)
	var warming sync.WaitGroup
	// By then all nodes have seen the uploads in the feed, and keep the torrents that they read a
	// few seconds later.
	warm := time.Now().Add(3 * removedAtEdge)
	for _, s := range doors {
		warming.Go(func() { readsGoOn(t, "http://"+s.HTTP+path, cached, warm) })
	}
	warming.Wait()
	for i, state := range []tapState{tapSilent, tapClosed} {
		line.set(state)
		var group sync.WaitGroup
		end := time.Now().Add(15 * time.Second)
		for _, s := range doors {
			group.Go(func() { readsGoOn(t, "http://"+s.HTTP+path, cached, end) })
		}
		for j, s := range nodes {
			group.Go(func() { uploadsAreUnavailable(t, s, uint64(1000*i+100*j+10), end) })
		}
		group.Go(func() {
			if code, _ := fetch(t, "http://"+nodes[1].HTTP+cold); code != http.StatusServiceUnavailable {
				t.Errorf("download of what no node has in memory: %d, want 503", code)
			}
		})
		group.Wait()
	}
	for _, s := range nodes {
		if code, _ := fetch(t, "http://"+s.Admin+"/readyz"); code != http.StatusServiceUnavailable {
			t.Errorf("a node without its object store answers /readyz with %d", code)
		}
	}
	line.set(tapOpen)
	for _, s := range nodes {
		s.awaitReady(t)
	}
	e.afterOutage(t, nodes, edge, cold, uncached)
}

// afterOutage checks that everything works again.
func (e *s3Engine) afterOutage(t *testing.T, nodes []*server, edge *server, path string, torrent []byte) {
	t.Helper()
	deadline := time.Now().Add(patience)
	fresh := torrenttest.Random(3, 20_000)
	for i, s := range append([]*server{edge}, nodes...) {
		for {
			if code, body := fetch(t, "http://"+s.HTTP+path); code == http.StatusOK && bytes.Equal(body, torrent) {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("download after the outage: %d", code)
			}
			time.Sleep(50 * time.Millisecond)
		}
		_, err := cacheOf(t, nodes[i%2]).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: fresh})
		if err != nil {
			t.Errorf("upload after the outage: %v", err)
		}
	}
	if _, err := adminOf(t, nodes[0]).RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hashOfTorrent(t, torrent)}); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, "http://"+edge.HTTP+path, time.Now(), removedAtEdge)
}

// readsGoOn downloads until end. Each download must return the torrent.
func readsGoOn(t *testing.T, url string, torrent []byte, end time.Time) {
	for n := 0; time.Now().Before(end); n++ {
		if code, body := fetch(t, url); code != http.StatusOK || !bytes.Equal(body, torrent) {
			t.Errorf("download %d of a cached torrent: %d, %d bytes", n, code, len(body))
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// uploadsAreUnavailable uploads until end. The server must refuse each upload as UNAVAILABLE.
func uploadsAreUnavailable(t *testing.T, s *server, seed uint64, end time.Time) {
	cache := cacheOf(t, s)
	ctx, cancel := context.WithDeadline(context.Background(), end.Add(patience))
	defer cancel()
	for n := 0; n == 0 || time.Now().Before(end); n++ {
		begin := time.Now()
		_, err := cache.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.Random(seed+uint64(n), 2000)})
		if client.Reason(err) != "OVERLOADED" {
			t.Errorf("upload in the outage: %v, want UNAVAILABLE with the reason OVERLOADED", err)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("an upload in the outage was answered after %v", took)
		}
	}
}
