package gateway_test

import (
	"slices"
	"testing"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/web"
)

// reading are the requests that other sites' pages may send to a public server, with the
// status of the answer.
var reading = map[string]int{
	"/torrent/" + knownHash + ".torrent":       200,
	"/torrent/" + knownHash + ".torrent?title": 200,
	"/torrent/" + unknownHash + ".torrent":     404,
	"/torrent/nonsense":                        404,
	"/torrent":                                 404,
	"/" + knownHash + ".torrent":               200,
	"/v1/torrents/" + knownHash:                200,
	"/v1/torrents/" + unknownHash:              404,
	"/v1/torrents/nonsense":                    400,
	"/v1/torrents/" + knownHash + "/info":      200,
}

// Pages of other sites can read the answers that a public server gives to everybody, and no
// others.
func TestPagesOfOtherSitesRead(t *testing.T) {
	const friend = "https://friend.example"
	private := func() bool { return true }
	for name, c := range map[string]struct {
		options gateway.Options
		allow   string
	}{
		"loopback":          {gateway.Options{}, ""},
		"public":            {gateway.Options{Options: web.Options{PublicURL: "https://cache.example"}}, "*"},
		"named":             {gateway.Options{Origins: []string{friend}}, "*"},
		"private":           {gateway.Options{Options: web.Options{PublicURL: "https://cache.example", Private: private}}, ""},
		"private and named": {gateway.Options{Origins: []string{friend}, Options: web.Options{Private: private}}, friend},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoorOf(t, c.options)
			for path, status := range reading {
				got := d.do("GET", path, "", "Origin: "+friend)
				if allow := got.Header.Get("Access-Control-Allow-Origin"); got.StatusCode != status || allow != c.allow {
					t.Errorf("%s: %d, Access-Control-Allow-Origin %q, want %q", path, got.StatusCode, allow, c.allow)
				}
				if varies := slices.Contains(got.Header.Values("Vary"), "Origin"); varies != (c.allow == friend) {
					t.Errorf("%s: Vary %q", path, got.Header.Values("Vary"))
				}
			}
			for _, path := range []string{"/", "/lookup?q=" + knownHash, "/api/openapi.json", "/nowhere"} {
				if got := d.do("GET", path, "", "Origin: "+friend); got.Header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s may be read", path)
				}
			}
		})
	}
}

func TestPagesOfNamedSitesPost(t *testing.T) {
	const friend = "https://friend.example"
	d := newDoorOf(t, gateway.Options{Origins: []string{friend}})
	for path, body := range map[string]string{
		"/v1/torrents":             inJSON(knownTorrent),
		"/v1/torrents:findMissing": `{"infoHashes":["` + unknownHash + `"]}`,
	} {
		got := d.do("OPTIONS", path, "", "Origin: "+friend, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")
		if got.StatusCode != 204 || got.Header.Get("Access-Control-Allow-Methods") != "POST" || got.Header.Get("Access-Control-Allow-Origin") != friend {
			t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
		for origin, allow := range map[string]string{friend: friend, "https://stranger.example": ""} {
			got := d.do("POST", path, body, "Origin: "+origin, "Content-Type: application/json")
			if got.StatusCode/100 != 2 || got.Header.Get("Access-Control-Allow-Origin") != allow || got.Header.Get("Vary") != "Origin" {
				t.Errorf("%s from %s: %d %v", path, origin, got.StatusCode, got.Header)
			}
		}
		got = d.do("OPTIONS", path, "", "Origin: https://stranger.example", "Access-Control-Request-Method: POST")
		if got.StatusCode != 405 || got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: another site's preflight: %d %v", path, got.StatusCode, got.Header)
		}
	}
}
