package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// The doors are tested thrice: in one process with the store, as a gateway before
// a server, and at one of two nodes over a bucket. Nobody outside may see a difference.

// doorMaxSize is the largest torrent of the servers under test, in bytes.
const doorMaxSize = 200_000

// doors is where a test finds them.
type doors struct {
	http  string // URL with a slash at the end
	cache torrentcachev1.CacheServiceClient
}

func overAllCompositions(t *testing.T, test func(t *testing.T, d *doors)) {
	t.Helper()
	limit := fmt.Sprintf("--max-torrent-size=%d", doorMaxSize)
	t.Run("serve", func(t *testing.T) {
		p := startServe(t, t.TempDir(), limit)
		test(t, &doors{http: p.http, cache: p.cache(t)})
	})
	t.Run("gateway", func(t *testing.T) {
		backend := startServe(t, t.TempDir(), limit)
		p := startGateway(t, backend, limit)
		test(t, &doors{http: p.http, cache: backend.cache(t)})
	})
	t.Run("bucket", func(t *testing.T) {
		bucket := newBucket(t)
		one, two := bucket.serve(t, limit), bucket.serve(t, limit)
		test(t, &doors{http: one.http, cache: two.cache(t)})
	})
}

func TestEveryWayInAndOut(t *testing.T) {
	overAllCompositions(t, func(t *testing.T, d *doors) {
		for in, up := range uploads {
			torrent := torrenttest.V1("by " + in)
			for _, attempt := range []string{"first", "second"} {
				if hash, refusal := up(t, d, torrent); hash != infoHash(torrent) {
					t.Errorf("%s upload by %s: %q, refused with %q, want %s", attempt, in, hash, refusal, infoHash(torrent))
				}
			}
			for out, down := range fetches {
				if got, refusal := down(t, d, infoHash(torrent)); !bytes.Equal(got, torrent) {
					t.Errorf("in by %s, out by %s: %d bytes (%s), want the %d uploaded", in, out, len(got), refusal, len(torrent))
				}
			}
		}
	})
}

func TestCreatedHasALocation(t *testing.T) {
	overAllCompositions(t, func(t *testing.T, d *doors) {
		torrent := torrenttest.V1("located")
		for _, want := range []int{http.StatusCreated, http.StatusOK} {
			code, header, _ := httpDo(t, http.MethodPost, d.http+"v1/torrents", "application/x-bittorrent", torrent)
			if code != want {
				t.Errorf("got %d, want %d", code, want)
			}
			location := header.Get("Location")
			if want == http.StatusCreated && !strings.HasSuffix(location, "/v1/torrents/"+infoHash(torrent)) {
				t.Errorf("Location %q", location)
			}
		}
	})
}

func TestBadUploads(t *testing.T) {
	good := torrenttest.V1("good")
	cases := []struct {
		name                        string
		torrent                     []byte
		gRPC, JSON, raw, form, soap string
	}{
		{"empty", nil, "TORRENT_EMPTY", "400 TORRENT_EMPTY", "400 TORRENT_EMPTY", "200 Error 111", "200 111"},
		{"not bencode", []byte("<html>"), "TORRENT_INVALID", "400 TORRENT_INVALID", "400 TORRENT_INVALID", "200 Error 112", "200 112"},
		{"no info", []byte("d8:announce4:httpe"), "TORRENT_INVALID", "400 TORRENT_INVALID", "400 TORRENT_INVALID", "200 Error 112", "200 112"},
		{"truncated", good[:len(good)/2], "TORRENT_INVALID", "400 TORRENT_INVALID", "400 TORRENT_INVALID", "200 Error 112", "200 112"},
		{"too large", torrenttest.Random(1, doorMaxSize+2000), "TORRENT_TOO_LARGE", "413 TORRENT_TOO_LARGE", "413 TORRENT_TOO_LARGE", "413 Error 115", "200 115"},
		{"far too large", make([]byte, 10*doorMaxSize), "TORRENT_TOO_LARGE", "413 TORRENT_TOO_LARGE", "413 TORRENT_TOO_LARGE", "413 Error 115", "200 115"},
	}
	overAllCompositions(t, func(t *testing.T, d *doors) {
		for _, c := range cases {
			want := map[string]string{"gRPC": c.gRPC, "JSON": c.JSON, "raw": c.raw, "form": c.form, "SOAP": c.soap}
			for door, up := range uploads {
				if hash, refusal := up(t, d, c.torrent); refusal != want[door] {
					t.Errorf("%s by %s: hash %q, refusal %q, want %q", c.name, door, hash, refusal, want[door])
				}
			}
		}
		if hash, refusal := uploadRaw(t, d, good); hash != infoHash(good) {
			t.Errorf("a good torrent after the bad ones: %s", refusal)
		}
	})
}

func TestHashesThatNameNothing(t *testing.T) {
	unknown := strings.Repeat("AB", 20)
	cases := []struct{ hash, gRPC, api, download string }{
		{unknown, "NotFound TORRENT_NOT_FOUND", "404 TORRENT_NOT_FOUND", "404"},
		{unknown[:39], "InvalidArgument HASH_MALFORMED", "400 HASH_MALFORMED", "404"},
		{"nonsense", "InvalidArgument HASH_MALFORMED", "400 HASH_MALFORMED", "404"},
	}
	overAllCompositions(t, func(t *testing.T, d *doors) {
		for _, c := range cases {
			want := map[string]string{"gRPC": c.gRPC, "JSON": c.api, "raw": c.api, "download": c.download}
			for door, down := range fetches {
				if _, refusal := down(t, d, c.hash); refusal != want[door] {
					t.Errorf("%s by %s: %q, want %q", c.hash, door, refusal, want[door])
				}
			}
		}
	})
}

func TestWrongMethodsAndTypes(t *testing.T) {
	cases := []struct {
		name, method, path, contentType string
		want                            int
	}{
		{"unknown content type", http.MethodPost, "v1/torrents", "text/plain", http.StatusUnsupportedMediaType},
		{"unknown content type of a query", http.MethodPost, "v1/torrents:findMissing", "text/plain", http.StatusUnsupportedMediaType},
		{"wrong method for uploads", http.MethodPut, "v1/torrents", "application/json", http.StatusMethodNotAllowed},
		{"wrong method for a torrent", http.MethodDelete, "v1/torrents/" + strings.Repeat("AB", 20), "", http.StatusMethodNotAllowed},
		{"wrong method for a download", http.MethodPost, "torrent/" + strings.Repeat("AB", 20) + ".torrent", "text/plain", http.StatusMethodNotAllowed},
		{"no such path", http.MethodGet, "v1/nothing", "", http.StatusNotFound},
		{"no such page", http.MethodGet, "nothing.html", "", http.StatusNotFound},
	}
	overAllCompositions(t, func(t *testing.T, d *doors) {
		for _, c := range cases {
			if code, _, body := httpDo(t, c.method, d.http+c.path, c.contentType, nil); code != c.want {
				t.Errorf("%s: %d %s, want %d", c.name, code, body, c.want)
			}
		}
	})
}

func TestBodyThatStopsHalfway(t *testing.T) {
	torrent := torrenttest.V1("half")
	formBody, formType := form(t, torrent)
	cases := []struct {
		name, path, contentType string
		body                    []byte
	}{
		{"raw", "/v1/torrents", "application/x-bittorrent", torrent},
		{"JSON", "/v1/torrents", "application/json", fmt.Appendf(nil, `{"torrent": %q}`, base64.StdEncoding.EncodeToString(torrent))},
		{"form", "/autoupload.php", formType, formBody},
		{"SOAP", "/api/index.php", "text/xml", soapCall(torrent)},
	}
	overAllCompositions(t, func(t *testing.T, d *doors) {
		for _, c := range cases {
			answer := sendHalf(t, d.http, c.path, c.contentType, c.body)
			if strings.Contains(answer, infoHash(torrent)) || !strings.HasPrefix(answer, "HTTP/1.1 ") {
				t.Errorf("%s: answered %q", c.name, answer)
			}
			if _, refusal := fetchDownload(t, d, infoHash(torrent)); refusal != "404" {
				t.Errorf("%s: half an upload is stored", c.name)
			}
		}
		if hash, refusal := uploadRaw(t, d, torrent); hash != infoHash(torrent) {
			t.Errorf("the whole upload afterwards: %s", refusal)
		}
	})
}

// sendHalf announces a body, sends half of it and no more, and returns the
// whole answer.
func sendHalf(t *testing.T, site, path, contentType string, body []byte) string {
	t.Helper()
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		path, contentType, len(body), body[:len(body)/2])
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestClientThatGoesAway(t *testing.T) {
	overAllCompositions(t, func(t *testing.T, d *doors) {
		u, err := url.Parse(d.http)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			conn, err := net.Dial("tcp", u.Host)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "POST /v1/torrents HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-bittorrent\r\nContent-Length: 1000\r\n\r\nd4:")
			conn.Close()
		}
		torrent := torrenttest.V1("after")
		if hash, refusal := uploadForm(t, d, torrent); hash != infoHash(torrent) {
			t.Errorf("an upload afterwards: %s", refusal)
		}
	})
}
