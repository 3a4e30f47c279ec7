package gateway_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

const (
	toDocument = "Sec-Fetch-Dest: document"
	acceptHTML = "Accept: text/html,application/xhtml+xml,*/*;q=0.8"
)

// A browser that goes to a dead link gets a page. Other clients do not.
func TestDeadLinksInBrowsers(t *testing.T) {
	d := newDoorOf(t, gateway.Options{Options: web.Options{Contact: "abuse@cache.example"}, MissingMaxAge: time.Minute})
	paths := map[string]string{
		"/torrent/" + unknownHash + ".torrent": "magnet:?xt=urn:btih:" + strings.ToLower(unknownHash),
		"/" + unknownHash + ".torrent":         unknownHash,
		"/torrent/":                            "names no torrent",
		"/torrent/x.torrent":                   "names no torrent",
	}
	for path, text := range paths {
		got := d.do("GET", path, "", toDocument, acceptHTML)
		if got.StatusCode != 404 || got.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(got.body, text) {
			t.Errorf("%s: %d %v %s", path, got.StatusCode, got.Header, got.body)
		}
		for _, want := range []string{"abuse@cache.example", `action="/lookup"`} {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s: the page lacks %s", path, want)
			}
		}
		if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Vary") != "Accept, Sec-Fetch-Dest" {
			t.Errorf("%s: headers %v", path, got.Header)
		}
		for name, headers := range map[string][]string{
			"a program": {"Accept: */*"}, "a picture": {"Sec-Fetch-Dest: image", acceptHTML}, "an old browser": {acceptHTML},
			"a script": {toDocument, "Accept: */*"}, "a frame": {"Sec-Fetch-Dest: iframe", acceptHTML},
		} {
			text := d.do("GET", path, "", headers...)
			if text.StatusCode != 404 || text.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%s for %s: %d %v", path, name, text.StatusCode, text.Header)
			}
		}
	}
	text := d.do("GET", "/torrent/"+unknownHash, "", acceptHTML)
	if text.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("the text that caches keep: %v", text.Header)
	}
}

func TestRemovedTorrentsInBrowsers(t *testing.T) {
	d := newDoorOf(t, gateway.Options{})
	d.cache.failWith(reason.New(reason.TorrentRemoved, "%s; questions go to me", knownHash).OnRead())
	got := d.do("GET", "/torrent/"+knownHash+".torrent", "", toDocument, acceptHTML)
	if got.StatusCode != 410 || !strings.Contains(got.body, "<h1>This torrent was removed</h1>") || !strings.Contains(got.body, knownHash) || strings.Contains(got.body, "magnet:") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// No answer under /torrent/ is ever HTML with status 200, not even for a browser.
func TestNoPageInPlaceOfATorrent(t *testing.T) {
	d := newDoor(t)
	fails := append([]reason.Reason{""}, reason.All()...)
	for _, why := range fails {
		if d.cache.failWith(nil); why != "" {
			d.cache.failWith(reason.New(why, "because").OnRead())
		}
		for _, path := range []string{"/torrent/" + knownHash, "/torrent/" + unknownHash + ".torrent", "/torrent/" + knownHash + "/index.html", "/torrent/x", "/torrent"} {
			for _, method := range []string{"GET", "HEAD", "POST"} {
				got := d.do(method, path, "", toDocument, acceptHTML)
				isPage := strings.HasPrefix(got.Header.Get("Content-Type"), "text/html")
				if isPage && got.StatusCode != http.StatusNotFound && got.StatusCode != http.StatusGone {
					t.Errorf("%s: %s %s is a page with status %d", why, method, path, got.StatusCode)
				}
			}
		}
	}
}
