//go:build e2e

package test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// lenientRuns is how many generated requests each comparison sends.
const lenientRuns = 4000

// TestAsLenientAsNginx sends the same bytes to a server and to an nginx with the original's rule
// for downloads. It fails where nginx gives a torrent and the server does not give the same one.
// Function stricter lists the intended exceptions.
func TestAsLenientAsNginx(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrent := torrenttest.Random(77, 20_000)
	hash := hashOfTorrent(t, torrent)
	upload(t, s.HTTP, torrent)
	judge := startOriginal(t, hash, torrent)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := &requests{&generator{rand.New(rand.NewPCG(seed, 0))}, hash}
	differences, served := map[string]int{}, 0
	for range lenientRuns {
		raw := g.request()
		want, ok := exchange(t, judge, raw)
		if !ok || want.code != http.StatusOK && want.code != http.StatusPartialContent {
			continue
		}
		served++
		got, _ := exchange(t, s.HTTP, raw)
		if got.code == want.code && (want.parts || bytes.Equal(got.body, want.body)) {
			continue
		}
		if why := stricter(raw); why == "" {
			key := fmt.Sprintf("nginx %d with %d bytes, we %d with %d", want.code, len(want.body), got.code, len(got.body))
			if differences[key]++; differences[key] <= 5 {
				t.Errorf("%s: %q", key, raw)
			}
		}
	}
	t.Logf("%d of %d were served by nginx; differences: %v", served, lenientRuns, differences)
	if served < lenientRuns/4 {
		t.Errorf("only %d of %d requests were served by nginx: they show nothing", served, lenientRuns)
	}
}

// startOriginal runs an nginx that serves torrent as the original's web server did: for a path
// with the 40 digits, whatever text follows them.
func startOriginal(t *testing.T, hash string, torrent []byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{strings.ToUpper(hash), strings.ToLower(hash)} {
		if err := os.WriteFile(filepath.Join(dir, name), torrent, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return runNginx(t, "default_type application/x-bittorrent;", fmt.Sprintf(`
    location ~* "^/torrent/([0-9a-f]{40})" { root %s; try_files /$1 =404; }
    location / { return 404; }`, dir))
}

// reply is a server's answer.
type reply struct {
	code  int
	parts bool // has several ranges; the text between them differs between servers
	body  []byte
}

// exchange sends raw and reads one answer. It returns false if there is no answer.
func exchange(t *testing.T, address, raw string) (reply, bool) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, raw); err != nil {
		return reply{}, false
	}
	asked := &http.Request{Method: http.MethodGet}
	if strings.Contains(raw, "HEAD /") {
		asked.Method = http.MethodHead
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), asked)
	if err != nil {
		return reply{}, false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	parts := strings.HasPrefix(resp.Header.Get("Content-Type"), "multipart/byteranges")
	return reply{resp.StatusCode, parts, body}, err == nil
}

// generator makes inputs that are nearly correct.
type generator struct{ *rand.Rand }

func (g *generator) of(choices ...string) string { return choices[g.IntN(len(choices))] }

// rarely returns one of choices one time in n.
func (g *generator) rarely(n int, choices ...string) string {
	if g.IntN(n) > 0 {
		return ""
	}
	return g.of(choices...)
}

// requests makes requests for a torrent.
type requests struct {
	*generator
	hash string
}

func (g *requests) request() string {
	eol := "\r\n"
	if g.IntN(10) == 0 {
		eol = "\n"
	}
	var b strings.Builder
	b.WriteString(g.rarely(6, "\r\n", "\n", "\r\n\r\n", "\n\n\r\n"))
	b.WriteString(g.of("GET", "GET", "GET", "HEAD") + " " + g.rarely(10, " ") + g.target() + " " + g.rarely(10, " ") + "HTTP/1." + g.of("0", "1", "1") + eol)
	b.WriteString(g.host() + eol)
	for range g.IntN(3) {
		b.WriteString(g.header() + eol)
	}
	b.WriteString("Connection: close" + eol + eol)
	return b.String()
}

func (g *requests) target() string {
	hash := g.of(strings.ToUpper(g.hash), strings.ToUpper(g.hash), strings.ToLower(g.hash))
	target := g.rarely(20, "http://other.example") + g.of("/torrent/", "/torrent/", "/torrent/", "//torrent/", "/torrent//", "/./torrent/", "/x/../torrent/", "/%74orrent/")
	target += hash + g.rarely(5, "0", "abc", "0123456789abcdef", "ABCDEF0123456789ABCDEF0", "00000000000000000000000000000000") + g.rarely(2, ".torrent", ".torrent.torrent", ".TORRENT")
	for range g.IntN(3) {
		target += g.of("/", "//", " ", "%20", ")", "]", "&title=x", "%3Ftitle=abc", "[site]name.torrent", ";jsessionid=1", "?x=%", "?title=a b",
			"#part", "/a/b/c.torrent", "/../x", "/..%2fx", "%2e", "%zz", "%", "\x80\xff", "+", ",", "'", "\"", "<br>", "\\", "^", "|", "{}", "\t", "\x01", "?", "&amp;", "%C3%A9.torrent", "~", "*")
	}
	return target
}

func (g *requests) host() string {
	return g.of("Host: cache.example", "Host: cache.example", "Host: cache.example:80", "host:cache.example", "Host: under_score", "Host: 127.0.0.1",
		"Host:  cache.example ", "HOST: CACHE.EXAMPLE", "Host: cache.example.", "Host: [::1]:80", "Host: a,b", "Host: -", "Host:\tcache.example")
}

func (g *requests) header() string {
	name := g.of("X-Thing", "Referer", "Cookie", "User-Agent", "Accept", "x_under", "X.Dot", "X-", "1", "If-Match-Not", "Content-Thing")
	value := g.of("", "a", "a\x01b", "\x7f", "\xff\xfe", "a\tb", "  a  ", "a\x0bb\x0cc", strings.Repeat("x", 3000), "=?", "\"", "a\rb")
	return g.of(name+": "+value, name+":"+value, name+" : "+value, "("+name+"): "+value, name, name+"\x01: "+value, g.ranges(), g.ranges(), g.condition())
}

func (g *requests) ranges() string {
	return g.of("Range", "range", "RANGE") + ": " + g.of("bytes", "Bytes", "BYTES", "items", "", "seconds", "bytes ") + g.of("=", "=", "=", "= ", " = ", "") +
		g.of("0-9", "0-", "-5", "5-4", "abc", "0-9,20-29", "0-9, 20-29", "999999-", "0-999999", "-999999", "0-9,", ",0-9", "", " 0-9", "0 - 9", "0-9x", "-", "0-0,-1")
}

func (g *requests) condition() string {
	return g.of("If-None-Match: x", "If-None-Match: \"x", "If-None-Match:", "If-Modified-Since: yesterday", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
		"If-Unmodified-Since: never", "If-Range: \"x\"", "If-Range: x", "Accept-Encoding: gzip", "Accept: text/html", "Content-Length: 0", "Expect: nothing", "Expect: 100-continue",
		"Upgrade: h2c", "Authorization: x", "Keep-Alive: 300", "Proxy-Connection: keep-alive", "TE: trailers", "Content-Type: x")
}

// stricter returns why the server refuses a request that nginx serves, or "" if it should not.
// docs/clients.md has a row for each reason.
func stricter(raw string) string {
	if path, _, _ := strings.Cut(raw, "orrent/"); strings.Contains(path, "/./") || strings.Contains(path, "/../") {
		return "dot segments before the door's name"
	}
	return ""
}
