package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// startEdge runs a gateway before several servers.
func startEdge(t *testing.T, backends []*process, args ...string) *process {
	t.Helper()
	var addresses []string
	for _, b := range backends {
		addresses = append(addresses, b.grpc)
	}
	all := append([]string{"gateway", "--backend", strings.Join(addresses, ",")}, anyPort...)
	return start(t, nil, append(all, args...)...)
}

// twins runs two servers that have the same torrents. It returns the torrents by info hash.
func twins(t *testing.T, n int) ([]*process, map[string][]byte) {
	t.Helper()
	const roles = "--anonymous=read,write,sync"
	nodes := []*process{startServe(t, t.TempDir(), roles), startServe(t, t.TempDir(), roles)}
	torrents := map[string][]byte{}
	for i := range n {
		torrent := torrenttest.Random(uint64(i), 40_000)
		torrents[infoHash(torrent)] = torrent
		for _, node := range nodes {
			if _, err := node.cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return nodes, torrents
}

// Readers at an edge do not notice that a node is killed.
func TestEdgeReadsGoOnWhenANodeIsKilled(t *testing.T) {
	nodes, torrents := twins(t, 50)
	edge := startEdge(t, nodes, "--cache-size=1B") // every download asks a node
	var reads atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for ctx.Err() == nil {
				for hash, torrent := range torrents {
					if err := download(edge.http+"torrent/"+hash+".torrent", torrent); err != nil {
						t.Error(err)
						stop()
					}
					reads.Add(1)
				}
			}
		})
	}
	more := func() {
		t.Helper()
		for until := reads.Load() + 500; reads.Load() < until && ctx.Err() == nil; {
			time.Sleep(time.Millisecond)
		}
	}
	more()
	nodes[0].kill(t)
	more()
	stop()
	readers.Wait()
	if code, _, body := httpGet(t, edge.http+"readyz"); code != http.StatusOK {
		t.Errorf("with one node left the edge is not ready: %d %s", code, body)
	}
}

// download fails unless url gives want.
func download(url string, want []byte) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(got, want) {
		return fmt.Errorf("%s: %s, %d bytes, %v", url, resp.Status, len(got), err)
	}
	return nil
}

// An edge follows another node if the node of its feed dies, and hears of removals again.
func TestEdgeFollowsAnotherNode(t *testing.T) {
	nodes, torrents := twins(t, 1)
	edge := startEdge(t, nodes)
	for hash, torrent := range torrents {
		url := edge.http + "torrent/" + hash + ".torrent"
		if err := download(url, torrent); err != nil {
			t.Fatal(err)
		}
		nodes[0].kill(t)
		if err := download(url, torrent); err != nil {
			t.Fatal(err)
		}
		hits := func() string {
			_, _, metrics := httpGet(t, edge.admin+"metrics")
			for line := range strings.Lines(string(metrics)) {
				if strings.HasPrefix(line, `torrentcache_fast_path_requests_total{code="200"}`) {
					return line
				}
			}
			t.Fatal("the fast path is not counted")
			return ""
		}
		for before, begun := hits(), time.Now(); hits() == before; {
			if err := download(url, torrent); err != nil || time.Since(begun) > patience {
				t.Fatalf("the cache is not used again, %v", err)
			}
		}
		conn, err := grpc.NewClient(strings.TrimSuffix(strings.TrimPrefix(nodes[1].admin, "http://"), "/"),
			grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		removal := &torrentcachev1.RemoveTorrentRequest{InfoHash: hash}
		if _, err := torrentcachev1.NewAdminServiceClient(conn).RemoveTorrent(t.Context(), removal); err != nil {
			t.Fatal(err)
		}
		removed := time.Now()
		for download(url, torrent) == nil {
			if time.Since(removed) > patience {
				t.Fatal("the removal is never in force at the edge")
			}
		}
		t.Logf("the removal is in force at the edge after %s", time.Since(removed))
	}
}

// An edge that may not hear of changes serves, keeps nothing, and says why.
func TestEdgeWithoutTheRoleSync(t *testing.T) {
	node := startServe(t, t.TempDir())
	edge := startEdge(t, []*process{node})
	torrent := torrenttest.V1("not kept")
	if _, err := node.cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); !strings.Contains(edge.stderr.String(), "--backend-token"); {
		if err := download(edge.http+"torrent/"+infoHash(torrent)+".torrent", torrent); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) > patience {
			t.Fatalf("the operator is not told: %s", edge.stderr)
		}
	}
}
