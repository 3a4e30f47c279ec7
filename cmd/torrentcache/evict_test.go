package main

import (
	"io/fs"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// evictBound is the --max-store-size of the server under test.
const evictBound = 64 << 20

// evictItem is the size of the torrents, in bytes.
const evictItem = 400_000

// fillLongAgo fills a store with torrents that were uploaded a month ago, and returns them.
func fillLongAgo(t *testing.T, dir string) (torrents [][]byte) {
	t.Helper()
	st, err := diskstore.Open(diskstore.Options{
		Dir: dir, Logger: slog.New(slog.DiscardHandler), SegmentSize: 1 << 20,
		Clock: func() time.Time { return time.Now().Add(-30 * 24 * time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(0); n < evictBound*9/10/evictItem; n++ {
		torrent := torrenttest.Random(n, evictItem)
		parsed, err := metainfo.Parse(torrent)
		if err != nil {
			t.Fatal(err)
		}
		offset, length := parsed.InfoSpan()
		item := store.Item{IDs: parsed.IDs(), Torrent: torrent, InfoOffset: offset, InfoLength: length, Rank: store.RankAnonymous}
		if r := st.Put(t.Context(), []store.Item{item})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		torrents = append(torrents, torrent)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return torrents
}

// sizeOf returns the total size of the files in a folder, in bytes.
func sizeOf(t *testing.T, dir string) (sum int64) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // it has just gone
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// TestSteadyPushIntoAFullStore pushes half as many bytes as the bound into a server whose store is
// nearly full of torrents unused for a month. It takes them, stays under its bound, and serves.
func TestSteadyPushIntoAFullStore(t *testing.T) {
	dir := t.TempDir()
	old := fillLongAgo(t, dir)
	p := startServe(t, dir, "--when-full=evict", "--max-store-size=64MiB")
	refused := 0
	for n := uint64(0); n < evictBound/2/evictItem; n++ {
		torrent := torrenttest.Random(1<<32+n, evictItem)
		for {
			_, err := p.cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
			if err == nil {
				break
			}
			if status.Code(err) != codes.ResourceExhausted {
				t.Fatal(err)
			}
			refused++
			time.Sleep(10 * time.Millisecond) // as a client does that is told to come again
		}
		wantStored(t, p, torrent)
		if n%5 == 0 {
			if size := sizeOf(t, dir); size > evictBound {
				t.Errorf("after %d uploads the folder has %d bytes", n, size)
			}
		}
	}
	gone := 0
	for _, torrent := range old {
		if code, _, _ := httpGet(t, p.http+"torrent/"+infoHash(torrent)+".torrent"); code == 404 {
			gone++
		}
	}
	if gone < len(old)/4 {
		t.Errorf("%d of %d old torrents are gone", gone, len(old))
	}
	t.Logf("%d uploads were refused at first, %d of %d old torrents are gone", refused, gone, len(old))
}
