package gateway_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/reason"
)

func TestPagesAndDocuments(t *testing.T) {
	d := newDoor(t)
	for _, c := range []struct{ path, contentType, text string }{
		{"/", "text/html; charset=utf-8", `action="/upload.php"`},
		{"/automation", "text/html; charset=utf-8", "/api/torrage.wsdl"},
		{"/automation.php", "text/html; charset=utf-8", "/autoupload.php"},
		{"/copy.js", "text/javascript; charset=utf-8", "navigator.clipboard"},
		{"/style.css", "text/css; charset=utf-8", "prefers-color-scheme"},
		{"/favicon.svg", "image/svg+xml", "<svg"},
		{"/favicon.ico", "image/svg+xml", "<svg"},
		{"/robots.txt", "text/plain; charset=utf-8", "Disallow: /torrent/"},
		{"/api/openapi.json", "application/json", `"openapi": "3.1.0"`},
		{"/api/cache_service.proto", "text/plain; charset=utf-8", "service CacheService"},
	} {
		t.Run(c.path, func(t *testing.T) {
			got := d.do("GET", c.path, "")
			if got.StatusCode != 200 || got.Header.Get("Content-Type") != c.contentType || !strings.Contains(got.body, c.text) {
				t.Errorf("%d %s %.200q", got.StatusCode, got.Header.Get("Content-Type"), got.body)
			}
			if got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("headers %v", got.Header)
			}
			csp := got.Header.Get("Content-Security-Policy")
			if strings.HasPrefix(c.contentType, "text/html") != strings.HasPrefix(csp, "default-src 'none'") {
				t.Errorf("Content-Security-Policy %q", csp)
			}
			head := d.do("HEAD", c.path, "")
			if head.StatusCode != 200 || head.body != "" || head.ContentLength != int64(len(got.body)) {
				t.Errorf("HEAD: %d, %d bytes, length %d", head.StatusCode, len(head.body), head.ContentLength)
			}
			if post := d.do("POST", c.path, "x"); post.StatusCode != 405 || post.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("POST: %d, Allow %q", post.StatusCode, post.Header.Get("Allow"))
			}
			if etag := got.Header.Get("ETag"); etag != "" {
				if again := d.do("GET", c.path, "", "If-None-Match: "+etag); again.StatusCode != 304 {
					t.Errorf("with its ETag: %d", again.StatusCode)
				}
			}
		})
	}
}

func TestDocumentsAreTheCheckedInOnes(t *testing.T) {
	d := newDoor(t)
	for path, file := range map[string]string{
		"/api/openapi.json":        "../gen/openapi/openapi.json",
		"/api/cache_service.proto": "../proto/torrentcache/v1/cache_service.proto",
	} {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d.do("GET", path, "").body != string(want) {
			t.Errorf("%s differs from %s", path, file)
		}
	}
	if !json.Valid([]byte(d.do("GET", "/api/openapi.json", "").body)) {
		t.Error("the OpenAPI document is not JSON")
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	d := newDoor(t)
	for _, path := range []string{"/nothing", "/torrents", "/api/", "/v1", "/index.html/", "/%2e%2e/etc", "/automation/"} {
		for _, c := range []struct{ accept, contentType string }{
			{"text/html,*/*;q=0.8", "text/html; charset=utf-8"},
			{"*/*", "text/plain; charset=utf-8"},
			{"", "text/plain; charset=utf-8"},
		} {
			got := d.do("GET", path, "", "Accept: "+c.accept)
			if got.StatusCode != 404 || got.Header.Get("Content-Type") != c.contentType || got.Header.Get("Vary") != "Accept" {
				t.Errorf("%s with Accept %q: %d %v", path, c.accept, got.StatusCode, got.Header)
			}
			if got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s may be cached", path)
			}
		}
	}
}

func TestNothingRedirects(t *testing.T) {
	d := newDoor(t)
	for _, path := range []string{
		"//", "/./", "/torrent/./" + knownHash, "/torrent//" + knownHash, "/a/../torrent/" + knownHash, "/torrent/" + knownHash + "/",
		"/v1//torrents", "//v1/torrents/" + knownHash, "/automation/", "/automation//", "/index.html", "/torrent/../", "/api",
	} {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			got := d.do(method, path, "", "X-Forwarded-Proto: http")
			if got.StatusCode/100 == 3 || got.Header.Get("Refresh") != "" {
				t.Errorf("%s %s: %d to %q", method, path, got.StatusCode, got.Header.Get("Location"))
			}
		}
	}
}

func TestEveryReasonOnThePageOfATorrent(t *testing.T) {
	d := newDoor(t)
	for _, r := range reason.All() {
		d.cache.failWith(reason.New(r, "because").OnRead())
		got := d.do("GET", "/info/"+knownHash, "")
		if got.StatusCode != r.Answer().JSON || !strings.Contains(got.body, "<h1>") {
			t.Errorf("%s: %d %s", r, got.StatusCode, got.body)
		}
		if got.Header.Get("X-Robots-Tag") != "noindex" || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", r, got.Header)
		}
		if (r.Answer().Retry > 0) != (got.Header.Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After %q", r, got.Header.Get("Retry-After"))
		}
	}
}
