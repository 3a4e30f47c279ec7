//go:build e2e

package test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// v1Hash returns the v1 info hash of a torrent.
func v1Hash(t *testing.T, torrent []byte) string {
	t.Helper()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.IDs().V1.String()
}

// download returns the answer to a GET of a torrent, with its body.
func (s *server) download(t *testing.T, hash string) (*http.Response, []byte) {
	t.Helper()
	return s.downloadAs(t, http.MethodGet, hash)
}

func (s *server) downloadAs(t *testing.T, method, hash string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.HTTP+"/torrent/"+hash+".torrent", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// asked returns how many requests to upstreams had an outcome.
func (s *server) asked(t *testing.T, outcome string) int {
	t.Helper()
	return int(s.sum(t, `torrentcache_upstream_request_duration_seconds_count{outcome="`+outcome+`"`))
}

// sum returns the sum of the samples whose text begins with begin.
func (s *server) sum(t *testing.T, begin string) float64 {
	t.Helper()
	var sum float64
	_, text := fetch(t, "http://"+s.Admin+"/metrics")
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, begin) {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += value
	}
	return sum
}

// within waits until happened returns true, for patience at most.
func within(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for begun := time.Now(); !happened(); time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatalf("it never happens that %s", what)
		}
	}
}

// Upstreams may give any answer; here nginx gives many. Only a torrent with the right info hash
// is stored.
func TestUpstreamAnswers(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(files, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	half := halfBodies(t)
	type answer struct {
		location string // for nginx
		content  []byte // of the file that it gives
		outcome  string
		state    string // of the 404; empty if the torrent is found
	}
	zipped := func(torrent []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(torrent)
		_ = w.Close()
		return b.Bytes()
	}
	torrents, answers := map[string][]byte{}, map[string]answer{}
	for name, a := range map[string]func(torrent []byte) answer{
		"found":             func(b []byte) answer { return answer{"", b, "found", ""} },
		"found in gzip":     func(b []byte) answer { return answer{"add_header Content-Encoding gzip;", zipped(b), "found", ""} },
		"found by redirect": func(b []byte) answer { return answer{"rewrite (.*) /moved$1 redirect;", b, "found", ""} },
		"404":               func([]byte) answer { return answer{"return 404;", nil, "absent", "absent"} },
		"410":               func([]byte) answer { return answer{"return 410;", nil, "gone", "absent"} },
		"HTML with 200": func([]byte) answer {
			return answer{"default_type text/html;", []byte("<!doctype html><title>404</title>"), "invalid", "failed"}
		},
		"another host": func([]byte) answer {
			return answer{"return 302 http://cache.example/x.torrent;", nil, "redirect", "failed"}
		},
		"the cloud's metadata": func([]byte) answer {
			return answer{"return 302 http://169.254.169.254/latest/meta-data/;", nil, "redirect", "failed"}
		},
		"11 MB":           func([]byte) answer { return answer{"", make([]byte, 11_000_000), "too_large", "absent"} },
		"another torrent": func([]byte) answer { return answer{"", torrenttest.V1("another"), "invalid", "failed"} },
		"half a body": func([]byte) answer {
			return answer{"proxy_buffering off; proxy_pass http://" + half + ";", nil, "cut_short", "failed"}
		},
		"a bomb": func([]byte) answer { return answer{"", zipped(make([]byte, 50_000_000)), "too_large", "absent"} },
	} {
		torrents[name] = torrenttest.V1(name)
		answers[name] = a(torrents[name])
	}
	slow := torrenttest.Random(1, 100_000)
	var locations strings.Builder
	for name, a := range answers {
		file := v1Hash(t, torrents[name]) + ".torrent"
		if a.content != nil {
			write(file, a.content)
		}
		fmt.Fprintf(&locations, "location = /%s { %s }\n", file, a.location)
	}
	slowHash := v1Hash(t, slow)
	write(slowHash+".torrent", slow)
	nginx := runNginx(t, "", fmt.Sprintf("root %s;\nlocation /moved/ { alias %s/; }\nlocation = /%s.torrent { limit_rate 1k; }\n%s", files, files, slowHash, locations.String()))
	s := startServer(t, "--upstream", "http://"+nginx+"/{HASH}.torrent", "--missing-max-age", "1h", "--upstream-wait", "1s")

	// The upstream sends slowly. The reader soon gets a 404, and the search later times out.
	resp, _ := s.download(t, slowHash)
	if resp.StatusCode != http.StatusNotFound || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("while the search goes on: %s, %v", resp.Status, resp.Header)
	}
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			before := s.asked(t, a.outcome)
			s.wantAnswer(t, torrents[name], a.state)
			if after := s.asked(t, a.outcome); after != before+1 {
				t.Errorf("the outcome %s was counted %d times", a.outcome, after-before)
			}
			s.wantAnswer(t, torrents[name], a.state)
			if after := s.asked(t, a.outcome); after != before+1 {
				t.Errorf("it is asked for again")
			}
		})
	}
	within(t, "the slow drip ends", func() bool { return s.asked(t, "timeout") == 1 })
}

// wantAnswer fails unless the download of a torrent succeeds, or, if state is not empty, fails
// with that state.
func (s *server) wantAnswer(t *testing.T, torrent []byte, state string) {
	t.Helper()
	hash := v1Hash(t, torrent)
	resp, body := s.download(t, hash)
	if state == "" {
		if resp.StatusCode != http.StatusOK || !bytes.Equal(body, torrent) {
			t.Errorf("%s, %d bytes", resp.Status, len(body))
		}
		return
	}
	keep := map[bool]string{true: "public, max-age=3600", false: "no-store"}[state == "absent"]
	if got := resp.Header.Get("Cache-Control"); resp.StatusCode != http.StatusNotFound || got != keep {
		t.Errorf("%s, Cache-Control %q; want 404 and %q", resp.Status, got, keep)
	}
	_, text := fetch(t, "http://"+s.HTTP+"/v1/torrents/"+hash+"/info")
	if !strings.Contains(string(text), `"upstreams":"`+state+`"`) {
		t.Errorf("want upstreams %s in %s", state, text)
	}
}

// halfBodies starts a server that announces longer bodies than it sends, and returns its address.
func halfBodies(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nd8:announce")
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}
