package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// fakeBucket is a bucket of an S3 engine in memory.
type fakeBucket struct {
	location string
	objects  http.Handler
	engine   *httptest.Server
	gone     atomic.Bool // out of reach
}

// cut makes the bucket out of reach for good, also on a connection that is being made now.
func (b *fakeBucket) cut() {
	b.gone.Store(true)
	b.engine.Listener.Close()
	b.engine.CloseClientConnections()
}

// ServeHTTP passes a request to the engine, unless the bucket is out of reach.
func (b *fakeBucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.gone.Load() {
		panic(http.ErrAbortHandler)
	}
	b.objects.ServeHTTP(w, r)
}

func newBucket(t *testing.T) *fakeBucket {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("torrents"); err != nil {
		t.Fatal(err)
	}
	b := &fakeBucket{objects: gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()}
	b.engine = httptest.NewServer(b)
	t.Cleanup(b.engine.Close)
	b.location = "s3://torrents/cache?endpoint=" + url.QueryEscape(b.engine.URL)
	return b
}

// serve runs a node over the bucket until the test ends.
func (b *fakeBucket) serve(t *testing.T, args ...string) *process {
	t.Helper()
	all := append([]string{"serve", "--grpc-addr", "127.0.0.1:0", "--store", b.location}, anyPort...)
	return start(t, []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testsecret"}, append(all, args...)...)
}

func TestBucketAnnounced(t *testing.T) {
	p := newBucket(t).serve(t)
	if !strings.HasPrefix(p.data, "s3://torrents/cache/ at 127.0.0.1:") {
		t.Errorf("announced as %q", p.data)
	}
}

// Commands that need a disk store say so over a bucket.
func TestBucketHasNoMaintenance(t *testing.T) {
	p := newBucket(t).serve(t)
	for _, command := range [][]string{{"verify"}, {"backup", t.TempDir()}} {
		status, _, stderr := runToEnd(t, nil, append(command, "--admin", strings.TrimSuffix(strings.TrimPrefix(p.admin, "http://"), "/"))...)
		if status == 0 || !strings.Contains(stderr, "object store's tools") {
			t.Errorf("%s: status %d, %s", command[0], status, stderr)
		}
	}
}

func TestStoreFlag(t *testing.T) {
	for want, args := range map[string][]string{
		"want one of them":       {"--store", "s3://torrents", "--data-dir", t.TempDir()},
		"want disk:DIR or s3://": {"--store", "ftp://x"},
		"is not a bucket name":   {"--store", "s3://"},
		"--store: s3://torrents": {"--store", "s3://torrents?endpoint=http://127.0.0.1:1"},
	} {
		status, _, stderr := runToEnd(t, []string{"AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y"}, append([]string{"serve"}, args...)...)
		if status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%v: status %d, %s; want %q", args, status, stderr, want)
		}
	}
	dir := t.TempDir()
	p := start(t, nil, append([]string{"serve", "--grpc-addr", "127.0.0.1:0", "--store", "disk:" + dir}, anyPort...)...)
	if p.data != dir {
		t.Errorf("--store disk:%s serves %s", dir, p.data)
	}
}

// A removal at one node reaches the hot cache of the other.
func TestRemovalReachesOtherNodes(t *testing.T) {
	bucket := newBucket(t)
	one, two := bucket.serve(t), bucket.serve(t)
	torrent := torrenttest.V1("to be removed")
	if _, err := one.cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
		t.Fatal(err)
	}
	download := two.http + "torrent/" + infoHash(torrent) + ".torrent"
	if code, _, _ := httpDo(t, http.MethodGet, download, "", nil); code != http.StatusOK {
		t.Fatalf("download: %d", code)
	}
	admin := strings.TrimSuffix(strings.TrimPrefix(one.admin, "http://"), "/")
	if status, _, stderr := runToEnd(t, nil, "remove", infoHash(torrent), "--reason", "test", "--admin", admin); status != 0 {
		t.Fatalf("remove: %s", stderr)
	}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		code, _, _ := httpDo(t, http.MethodGet, download, "", nil)
		if code == http.StatusGone {
			break
		}
		if time.Since(begin) > patience {
			t.Fatalf("the other node still answers %d", code)
		}
	}
}
