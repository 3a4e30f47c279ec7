package main

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// A public server lets pages of other sites read downloads. The fast path sends the same headers
// for that as the ordinary way.
func TestOtherSitesReadDownloads(t *testing.T) {
	torrent := torrenttest.V1("shared")
	p := startServe(t, t.TempDir(), "--public-url", "https://cache.example", "--missing-max-age", "1m")
	p.mustUpload(t, torrent)
	for hash, keep := range map[string]string{hashOf(t, torrent): "public, max-age=86400", strings.Repeat("AB", 20): "public, max-age=60"} {
		path := "torrent/" + hash + ".torrent"
		_, fast, _ := httpGet(t, p.http+path)
		_, ordinary, _ := httpDo(t, http.MethodGet, p.http+path, "text/plain", nil) // not plain
		fast.Del("Date")
		ordinary.Del("Date")
		if !maps.EqualFunc(fast, ordinary, slices.Equal) || fast.Get("Access-Control-Allow-Origin") != "*" || fast.Get("Cache-Control") != keep {
			t.Errorf("%s: the fast path says\n%v, the ordinary way\n%v", hash, fast, ordinary)
		}
	}
	p.wantFast(t, 1)
}
