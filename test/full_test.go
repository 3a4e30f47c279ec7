//go:build e2e

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// TestDiskFull fills a small file system. Uploads are answered with STORAGE_FULL while reads and
// removals succeed. Uploads succeed again by themselves when space is free.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	const size, ballast = 96 << 20, 24 << 20
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		// Say so, because a run without this test proves less.
		fmt.Fprintf(os.Stderr, "\n*** TestDiskFull did NOT run: this machine lets us mount no file system: %v ***\n\n", err)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	inTheWay := filepath.Join(disk, "ballast")
	if err := os.WriteFile(inTheWay, make([]byte, ballast), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServerIn(t, filepath.Join(disk, "data"), "--min-free-space", "8MiB", "--log-level", "warn")
	cache, torrents := dial(t, s), map[string][]byte{}
	next := uint64(0)
	fill := func() {
		for ; ; next++ {
			answer, err := cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: numbered(next)})
			if client.Reason(err) == "STORAGE_FULL" {
				return
			}
			if err != nil {
				t.Fatalf("torrent %d: %v", next, err)
			}
			torrents[answer.GetInfoHash()] = numbered(next)
		}
	}
	fill()
	full := len(torrents)
	if full == 0 {
		t.Fatal("nothing was stored")
	}
	s.wantTorrents(t, torrents)
	removed := anyOf(torrents)
	mustCommand(t, "remove", "--admin", s.Admin, removed)
	s.wantRemoved(t, removed)
	delete(torrents, removed)
	if code, body := fetch(t, "http://"+s.Admin+"/readyz"); code != 200 {
		t.Errorf("a full server serves what it has, but is not ready: %d %s", code, body)
	}

	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	// The server may check the free space only now and then.
	deadline := time.Now().Add(patience)
	for {
		_, err := cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: numbered(next)})
		if err == nil {
			break
		}
		if client.Reason(err) != "STORAGE_FULL" || time.Now().After(deadline) {
			t.Fatalf("after space returned: %v", err)
		}
		<-time.After(50 * time.Millisecond)
	}
	fill()
	t.Logf("%d torrents, then %d", full, len(torrents))
	if len(torrents) <= full {
		t.Errorf("%d torrents fitted at first, %d when space had returned", full, len(torrents))
	}
	s.wantTorrents(t, torrents)
	s.stop(t, syscall.SIGKILL)
	s.start(t, s.cmd.Args[1:]) // on a full disk
	s.wantTorrents(t, torrents)
	s.wantRemoved(t, removed)
}

// --max-store-size limits the data folder as a full disk would.
func TestMaxStoreSize(t *testing.T) {
	t.Parallel()
	const bound = 40_000_000
	s := startServer(t, "--max-store-size", fmt.Sprint(bound), "--log-level", "warn")
	cache, torrents := dial(t, s), map[string][]byte{}
	for n := uint64(0); ; n++ {
		answer, err := cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: numbered(n)})
		if client.Reason(err) == "STORAGE_FULL" {
			break
		}
		if err != nil || len(torrents)*500 > bound {
			t.Fatalf("torrent %d: %v", n, err)
		}
		torrents[answer.GetInfoHash()] = numbered(n)
	}
	var disk int64
	err := filepath.Walk(s.DataDir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			disk += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	t.Logf("%d torrents on %d bytes of disk", len(torrents), disk)
	// File systems round up to blocks, a few kB for each of the small files.
	if err != nil || disk > bound+bound/100 || len(torrents) < 300 {
		t.Errorf("%d torrents take %d bytes on disk, the bound is %d (%v)", len(torrents), disk, bound, err)
	}
	s.wantTorrents(t, torrents)
}
