package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func adminOf(t *testing.T, p *process) torrentcachev1.AdminServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(p.adminAddress(t), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return torrentcachev1.NewAdminServiceClient(conn)
}

// Two nodes with local caches over one bucket, and an edge before both: a removal at
// one is in force everywhere, and reads go on when the bucket cannot be reached.
func TestLocalCacheInRealNodes(t *testing.T) {
	bucket := newBucket(t)
	nodes := []*process{
		bucket.serve(t, "--local-cache-dir", filepath.Join(t.TempDir(), "cache"), "--anonymous=read,write,sync"),
		bucket.serve(t, "--local-cache-dir", filepath.Join(t.TempDir(), "cache"), "--anonymous=read,write,sync"),
	}
	edge := startEdge(t, nodes)
	kept, gone := torrenttest.Random(1, 40_000), torrenttest.Random(2, 40_000)
	for i, torrent := range [][]byte{kept, gone} {
		if _, err := nodes[i].cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range append(nodes, edge) {
		for _, torrent := range [][]byte{kept, gone} {
			if err := download(p.http+"torrent/"+infoHash(torrent)+".torrent", torrent); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := adminOf(t, nodes[0]).RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: infoHash(gone)}); err != nil {
		t.Fatal(err)
	}
	removed := time.Now()
	for _, p := range append(nodes, edge) {
		for download(p.http+"torrent/"+infoHash(gone)+".torrent", gone) == nil {
			if time.Since(removed) > patience {
				t.Fatal("the removal is never in force")
			}
		}
		t.Logf("in force after %s", time.Since(removed))
	}
	for _, node := range nodes { // so that each has its copy
		for !localHit(t, node, kept) {
			if time.Since(removed) > patience {
				t.Fatal("the local cache is never used")
			}
		}
	}
	bucket.cut()
	for cut := time.Now(); time.Since(cut) < 5*time.Second; { // past the time that the feed counts as heard
		for _, p := range append(nodes, edge) {
			if err := download(p.http+"torrent/"+infoHash(kept)+".torrent", kept); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, err := nodes[0].cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("new")})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("an upload without the bucket: %v, want UNAVAILABLE", err)
	}
}

// localHit asks a node for a torrent past its hot cache, and reports whether the local
// cache was hit.
func localHit(t *testing.T, node *process, torrent []byte) bool {
	t.Helper()
	const hits = `torrentcache_local_cache_lookups_total{result="hit"}`
	count := func() string {
		_, _, metrics := httpGet(t, node.admin+"metrics")
		for line := range strings.Lines(string(metrics)) {
			if strings.HasPrefix(line, hits) {
				return line
			}
		}
		t.Fatal("hits are not counted")
		return ""
	}
	before := count()
	if _, err := node.cache(t).GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: infoHash(torrent)}); err != nil {
		t.Fatal(err)
	}
	return count() != before
}

func TestLocalCacheFlags(t *testing.T) {
	data := t.TempDir()
	if err := os.Mkdir(filepath.Join(data, "segments"), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	location := newBucket(t).location
	for want, args := range map[string][]string{
		"--local-cache-dir is for --store s3://": {"--local-cache-dir", t.TempDir()},
		"--local-cache-size 1MB":                 {"--store", location, "--local-cache-dir", t.TempDir(), "--local-cache-size", "1MB"},
		"--local-cache-max-stale":                {"--store", location, "--local-cache-dir", t.TempDir(), "--local-cache-max-stale", "-1s"},
		"which is not part of a cache":           {"--store", location, "--local-cache-dir", data},
	} {
		env := []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testsecret"}
		code, _, stderr := runToEnd(t, env, append([]string{"serve", "--http-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0"}, args...)...)
		if code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%v: status %d, %s; want %q", args, code, stderr, want)
		}
	}
}
