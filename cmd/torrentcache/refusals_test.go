package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// refused returns how often p refused by a limit.
func (p *process) refused(t *testing.T, limit string) int {
	t.Helper()
	_, _, metrics := httpGet(t, p.admin+"metrics")
	match := regexp.MustCompile(`(?m)^torrentcache_refusals_total\{limit="` + limit + `"\} (\d+)$`).FindSubmatch(metrics)
	if match == nil {
		t.Fatalf("no limit %s in %s", limit, metrics)
	}
	n, err := strconv.Atoi(string(match[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// An upload that is too large is counted once, by the side that refuses it: the door, or the server
// behind it.
func TestTooLargeIsCountedOnce(t *testing.T) {
	limit := fmt.Sprintf("--max-torrent-size=%d", doorMaxSize)
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := w.Write(make([]byte, 2*doorMaxSize)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	files := map[string][]byte{
		"a little too large": torrenttest.Random(1, doorMaxSize+100), // SOAP and JSON have room for it
		"far too large":      make([]byte, 3*doorMaxSize),
		"a bomb":             bomb.Bytes(),
	}
	backend := startServe(t, t.TempDir(), limit)
	for name, p := range map[string]*process{"serve": backend, "gateway": startGateway(t, backend, limit)} {
		count := func() int {
			if p == backend {
				return p.refused(t, "size")
			}
			return p.refused(t, "size") + backend.refused(t, "size")
		}
		d := &doors{http: p.http, cache: backend.cache(t)}
		for door, up := range uploads {
			for file, content := range files {
				if door == "gRPC" && file == "far too large" {
					continue // grpc refuses it before the server hears of it (docs/limits.md)
				}
				before := count()
				if hash, refusal := up(t, d, content); refusal == "" {
					t.Fatalf("%s, %s: taken as %s", door, file, hash)
				}
				if n := count() - before; n != 1 {
					t.Errorf("%s: %s by %s is counted %d times", name, file, door, n)
				}
			}
			before := count()
			if _, refusal := up(t, d, []byte("no torrent")); refusal == "" || count() != before {
				t.Errorf("%s: what is no torrent is counted as too large", name)
			}
		}
	}
}

func TestTooLargeOnAStreamIsCounted(t *testing.T) {
	p := startServe(t, t.TempDir(), fmt.Sprintf("--max-torrent-size=%d", doorMaxSize))
	for n, size := range []int{doorMaxSize + 1, 3 * doorMaxSize} {
		stream, err := p.cache(t).CacheTorrents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{Torrent: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
		if answer, err := stream.Recv(); err == nil && answer.GetError() == nil {
			t.Fatalf("%d bytes are taken", size)
		}
		if got := p.refused(t, "size"); got != n+1 {
			t.Errorf("after %d bytes the count is %d, want %d", size, got, n+1)
		}
	}
}
