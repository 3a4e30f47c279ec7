package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

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

// An upload that is too large is counted once, by whoever refuses it: the door, or
// the server behind it.
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

// The times of HTTP are counted on connections of the fast path and of net/http alike.
func TestTimesAreCounted(t *testing.T) {
	const short, long = "3s", "1h" // short is enough for a request on a busy machine
	for _, fast := range []string{"on", "off"} {
		for _, c := range []struct {
			name, header, idle, rest string
			headers, idles           int
		}{
			{"idle", long, short, "", 0, 1},
			{"half a head", short, long, "GET / HTTP/1.1\r\nHo", 1, 0},
		} {
			t.Run(c.name+", fast path "+fast, func(t *testing.T) {
				t.Parallel()
				p := startServe(t, t.TempDir(), "--fast-path", fast, "--header-timeout", c.header, "--idle-timeout", c.idle)
				conn := talk(t, p)
				if _, err := io.WriteString(conn, c.rest); err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, conn); err != nil {
					t.Fatal(err)
				}
				if headers, idles := p.refused(t, "header_time"), p.refused(t, "idle_time"); headers != c.headers || idles != c.idles {
					t.Errorf("counted %d of the header and %d of being idle, want %d and %d", headers, idles, c.headers, c.idles)
				}
				_, _, metrics := httpGet(t, p.admin+"metrics")
				if used := regexp.MustCompile(`torrentcache_fast_path_requests_total\{code="200"\} [1-9]`).Match(metrics); used != (fast == "on") {
					t.Errorf("the fast path was used: %t", used)
				}
			})
		}
	}
}

// talk uploads a torrent, downloads it often enough for the fast path on a connection
// of its own, and returns that. No other is left.
func talk(t *testing.T, p *process) net.Conn {
	t.Helper()
	torrent := torrenttest.V1("timed")
	upload, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.http+"v1/torrents", bytes.NewReader(torrent))
	if err != nil {
		t.Fatal(err)
	}
	upload.Header.Set("Content-Type", "application/x-bittorrent")
	if code, _, body := send(t, &http.Transport{DisableKeepAlives: true}, upload); code != http.StatusCreated {
		t.Fatalf("%d %s", code, body)
	}
	conn, err := net.DialTimeout("tcp", upload.URL.Host, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for range 3 {
		if _, err := io.WriteString(conn, "GET /torrent/"+infoHash(torrent)+".torrent HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, err)
		}
		resp.Body.Close()
	}
	return conn
}
