//go:build e2e

package test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// localCache returns the flags of a node with a local cache in a new folder.
func localCache(t *testing.T) []string {
	t.Helper()
	return []string{"--local-cache-dir", filepath.Join(t.TempDir(), "cache"), "--local-cache-size", "64MiB"}
}

// testLocalCache kills a node with a local cache, changes torrents at another node, and starts
// the first node again on the same folder. It must not serve the old state of a changed torrent.
// Then the test cuts the node off from the object store for 30 seconds. The node serves the
// torrents in its folder. A removal at another node must then be in force as soon as promised.
func (e *s3Engine) testLocalCache(t *testing.T) {
	line := startTap(t, e.address)
	flags := localCache(t)
	cached := e.startNode(t, "cache", line.address(), flags...)
	other := e.startNode(t, "cache", e.address)
	admin := adminOf(t, other)
	remove := func(torrent []byte) {
		if _, err := admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hashOfTorrent(t, torrent)}); err != nil {
			t.Fatal(err)
		}
	}
	torrents, urls := make([][]byte, 20), make([]string, 20)
	for i := range torrents {
		torrents[i] = torrenttest.Random(uint64(i), 20_000)
		urls[i] = "http://" + cached.HTTP + upload(t, other.HTTP, torrents[i])
		wantTorrent(t, urls[i], torrents[i])
	}
	awaitCopies(t, cached, flags[1], "20")

	cached.stop(t, syscall.SIGKILL)
	remove(torrents[0])
	cached.start(t, cached.cmd.Args[1:])
	if code, _ := fetch(t, urls[0]); code != http.StatusGone {
		t.Errorf("what was removed while the node was dead: %d, want 410", code)
	}
	for _, state := range []tapState{tapSilent, tapClosed} {
		line.set(state)
		end := time.Now().Add(15 * time.Second)
		var group sync.WaitGroup
		for i := 1; i < len(torrents); i++ {
			group.Go(func() { readsGoOn(t, urls[i], torrents[i], end) })
		}
		group.Wait()
	}
	line.set(tapOpen)
	cached.awaitReady(t)
	remove(torrents[1])
	awaitGone(t, urls[1], time.Now(), removedAtNodes)
	for i := 2; i < len(torrents); i++ {
		wantTorrent(t, urls[i], torrents[i])
	}
	if !strings.Contains(metricsOf(t, cached), "torrentcache_local_cache_torrents 18\n") {
		t.Error("the copies of what was removed are kept, or others are lost")
	}
}

func wantTorrent(t *testing.T, url string, want []byte) {
	t.Helper()
	if code, body := fetch(t, url); code != http.StatusOK || !bytes.Equal(body, want) {
		t.Fatalf("download: %d, %d bytes, want %d", code, len(body), len(want))
	}
}

// awaitCopies waits until the local cache in dir has that many torrents, and until it has
// recorded the feed position up to which they are current. A node that dies earlier discards the
// later torrents.
func awaitCopies(t *testing.T, s *server, dir, want string) {
	t.Helper()
	end := endOfFeed(t, s, "now")
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		note, err := os.ReadFile(filepath.Join(dir, "cache.json"))
		if err == nil && strings.Contains(string(note), end) && strings.Contains(metricsOf(t, s), "torrentcache_local_cache_torrents "+want+"\n") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are no %s copies in the local cache, or no note of %s (%s, %v)", want, end, note, err)
		}
	}
}

func metricsOf(t *testing.T, s *server) string {
	t.Helper()
	code, body := fetch(t, "http://"+s.Admin+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics: %d", code)
	}
	return string(body)
}
