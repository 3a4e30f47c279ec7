package main

import (
	"log/slog"
	"net/http"
	"syscall"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// reading is something that is done with a torrent at a door.
type reading struct {
	name   string
	counts bool // it is a read, which keeps the torrent from being dropped
	atNode bool // an edge does not have it
	do     func(t *testing.T, door *process, hash string)
}

// byHTTP returns a function that requests the path of before, the torrent's info hash, and after.
func byHTTP(method, before, after string) func(*testing.T, *process, string) {
	return func(t *testing.T, door *process, hash string) {
		t.Helper()
		if status, _, _ := httpDo(t, method, door.http+before+hash+after, "", nil); status != http.StatusOK {
			t.Errorf("%s %s%s is %d", method, before, after, status)
		}
	}
}

var readings = []reading{
	{"a download", true, false, byHTTP(http.MethodGet, "torrent/", ".torrent")},
	{"a download with a title", true, false, byHTTP(http.MethodGet, "torrent/", ".torrent?title=x")},
	{"JSON", true, false, byHTTP(http.MethodGet, "v1/torrents/", "")},
	{"HEAD", false, false, byHTTP(http.MethodHead, "torrent/", ".torrent")},
	{"HEAD with a title", false, false, byHTTP(http.MethodHead, "torrent/", ".torrent?title=x")},
	{"HEAD of JSON", false, false, byHTTP(http.MethodHead, "v1/torrents/", "")},
	{"a description", false, false, byHTTP(http.MethodGet, "v1/torrents/", "/info")},
	{"a page", false, false, byHTTP(http.MethodGet, "info/", "")},
	{"a download after HEAD", true, false, func(t *testing.T, door *process, hash string) {
		byHTTP(http.MethodHead, "torrent/", ".torrent")(t, door, hash)
		byHTTP(http.MethodGet, "torrent/", ".torrent")(t, door, hash)
	}},
	{"Get", true, true, func(t *testing.T, door *process, hash string) {
		if _, err := door.cache(t).GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash}); err != nil {
			t.Error(err)
		}
	}},
	{"FindMissing", false, true, func(t *testing.T, door *process, hash string) {
		if _, err := door.cache(t).FindMissingTorrents(t.Context(), &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: []string{hash}}); err != nil {
			t.Error(err)
		}
	}},
	{"a download by another cache", false, false, func(t *testing.T, door *process, hash string) {
		for _, path := range []string{"torrent/" + hash + ".torrent", "v1/torrents/" + hash} {
			req, err := http.NewRequest(http.MethodGet, door.http+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("CDN-Loop", "example; v=1, torrentcache")
			if status, _, _ := send(t, http.DefaultTransport, req); status != http.StatusOK {
				t.Errorf("%s is %d", path, status)
			}
		}
	}},
	{"a download by another CDN", true, false, func(t *testing.T, door *process, hash string) {
		req, err := http.NewRequest(http.MethodGet, door.http+"torrent/"+hash+".torrent", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("CDN-Loop", "example")
		if status, _, _ := send(t, http.DefaultTransport, req); status != http.StatusOK {
			t.Errorf("it is %d", status)
		}
	}},
	{"an upload of the same", true, false, nil}, // nil: it is uploaded once more
}

// TestWhatAReadIs counts reads at a server and at an edge: the store hears of every
// read, through every cache, and of no other requests.
func TestWhatAReadIs(t *testing.T) {
	for _, atEdge := range []bool{false, true} {
		dir := t.TempDir()
		node := startServe(t, dir, "--anonymous=read,write,sync")
		door := node
		if atEdge {
			door = startEdge(t, []*process{node})
		}
		hashes := map[string]string{}
		for i, r := range readings {
			torrent := torrenttest.Random(uint64(i), 5000)
			hash := infoHash(torrent)
			hashes[r.name] = hash
			upload := func() {
				if _, err := node.cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
					t.Fatal(err)
				}
			}
			upload()
			if r.do == nil {
				upload()
				continue
			}
			if atEdge && r.atNode {
				continue // an edge has no gRPC
			}
			r.do(t, door, hash)
		}
		if err := node.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		node.await(t)
		wantReads(t, dir, atEdge, hashes)
	}
}

// wantReads fails the test unless exactly those torrents were used today that should be.
func wantReads(t *testing.T, dir string, atEdge bool, hashes map[string]string) {
	t.Helper()
	st, err := diskstore.Open(diskstore.Options{Dir: dir, ReadOnly: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, r := range readings {
		id, err := infohash.Parse(hashes[r.name])
		if err != nil {
			t.Fatal(err)
		}
		last, err := st.LastAccess(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want := r.counts && !(atEdge && r.atNode)
		if read := time.Since(last) < 48*time.Hour; read != want {
			t.Errorf("at an edge %v: after %s the torrent was read: %v", atEdge, r.name, read)
		}
	}
}
