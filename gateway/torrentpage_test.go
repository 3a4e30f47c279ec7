package gateway_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/gateway"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/web"
)

const (
	openTracker   = "udp://open.example:6969/announce"
	secretTracker = "https://secret.example/0123456789abcdef0123456789abcdef/announce"
	namedSeed     = "https://user:word@seed.example/file"
)

// described returns the service's description of the known torrent with these tests' addresses.
func described(private bool) *torrentcachev1.DescribeTorrentResponse {
	magnet := "magnet:?xt=urn:btih:" + strings.ToLower(knownHash) + "&dn=a&tr=" + url.QueryEscape(openTracker) +
		"&tr=" + url.QueryEscape(secretTracker) + "&ws=" + url.QueryEscape(namedSeed)
	return &torrentcachev1.DescribeTorrentResponse{
		InfoHash: knownHash, InfoHashV1: knownHash, Name: "a", TorrentSizeBytes: 10, ContentSizeBytes: 1000, PieceLengthBytes: 16384,
		PieceCount: 1, FileCount: 1, Private: private, MagnetLink: magnet, WebSeeds: []string{namedSeed},
		TrackerTiers: []*torrentcachev1.TrackerTier{{Urls: []string{openTracker}}, {Urls: []string{secretTracker}}},
	}
}

// Addresses that are for the torrent's owner alone are neither shown nor in the magnet link.
func TestThePageOfATorrentKeepsSecrets(t *testing.T) {
	d := newDoorOf(t, gateway.Options{Options: web.Options{PublicURL: "https://cache.example"}})
	for _, private := range []bool{false, true} {
		d.cache.describeAs(described(private))
		got := d.do("GET", "/info/"+knownHash, "")
		if got.StatusCode != 200 || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("X-Robots-Tag") != "noindex" {
			t.Fatalf("%d %v", got.StatusCode, got.Header)
		}
		for _, secret := range []string{"0123456789abcdef0123456789abcdef/", "user:word", "word%40"} {
			if strings.Contains(got.body, secret) {
				t.Errorf("private %v: the page tells %s", private, secret)
			}
		}
		for text, want := range map[string]bool{
			"<bdi>secret.example</bdi>": true, "<bdi>seed.example</bdi>": true, "<bdi>open.example:6969</bdi>": private,
			"<bdi>" + openTracker + "</bdi>": !private, "&amp;tr=" + url.QueryEscape(openTracker): !private, "&amp;ws=": false, "tr=https": false,
			"&amp;xs=https%3A%2F%2Fcache.example%2Ftorrent%2F" + knownHash + ".torrent": true,
		} {
			if strings.Contains(got.body, text) != want {
				t.Errorf("private %v: the page has %s: %v", private, text, !want)
			}
		}
	}
}

func TestThePageOfATorrentAsksForItsFiles(t *testing.T) {
	d := newDoor(t)
	if got := d.do("GET", "/info/"+strings.ToLower(knownHash)+".torrent?files=TOKEN", ""); got.StatusCode != 200 {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if asked := d.cache.lastDescribe(); asked.GetFilePageToken() != "TOKEN" || asked.GetFilePageSize() != 500 || asked.GetInfoHash() != knownHash {
		t.Errorf("asked for %v", asked)
	}
	for path, want := range map[string]int{"/info/": 404, "/info/x": 400, "/info/" + knownHash + "/x": 404} {
		if got := d.do("GET", path, "", "Accept: text/html"); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, got.StatusCode, want)
		}
	}
}
