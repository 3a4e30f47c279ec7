package main

import (
	"net/http"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// An address has its roles at each door, and behind a proxy or a gateway that is trusted. A client
// that only claims to come from the address does not have them.
func TestRolesByAddress(t *testing.T) {
	file := writeFile(t, t.TempDir(), "keys", []byte("office write address:203.0.113.0/24\nhere admin address:127.0.0.1\n"))
	const trusted = "--trusted-proxies=127.0.0.0/8"
	proxied := startServe(t, t.TempDir(), "--keys-file", file, trusted)
	direct := startServe(t, t.TempDir(), "--keys-file", file)
	edge := startGateway(t, proxied, trusted)
	careless := startGateway(t, direct, trusted) // whose backend does not trust it
	torrent := torrenttest.V1("a")
	from := func(address string) showing {
		return showing{address, func(r *http.Request, _ string) { r.Header.Set("X-Forwarded-For", address) }}
	}
	for _, c := range []struct {
		name, site, address string
		want                bool
	}{
		{"through a proxy", proxied.http, "203.0.113.9", true},
		{"through a proxy, forged", proxied.http, "203.0.113.9, 198.51.100.1", false},
		{"through a proxy, from elsewhere", proxied.http, "198.51.100.1", false},
		{"forged", direct.http, "203.0.113.9", false},
		{"through a gateway", edge.http, "203.0.113.9", true},
		{"through a gateway, from elsewhere", edge.http, "198.51.100.1", false},
		{"through a gateway that is not trusted", careless.http, "203.0.113.9", false},
	} {
		for name, call := range publicCalls(t, torrent) {
			if name != "raw upload" && name != "form" && name != "SOAP" && name != "findMissing" {
				continue
			}
			code, _, body := call.make(t, c.site, from(c.address), "shown")
			if c.want && code >= 300 || !c.want && code != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d %.200s", c.name, name, code, body)
			}
		}
	}
	stats := operatorCalls["stats"]
	if code, _, body := stats.make(t, direct.admin, showings[0], ""); code != http.StatusOK {
		t.Errorf("stats from here: %d %s", code, body)
	}
	if code, _, body := stats.make(t, direct.admin, from("127.0.0.1"), "shown"); code != http.StatusUnauthorized {
		t.Errorf("stats from here through a proxy that nobody named: %d %s", code, body)
	}
	if status, _, stderr := runToEnd(t, nil, "stats", "--admin", direct.adminAddress(t)); status != 0 {
		t.Errorf("the command from here: %s", stderr)
	}
}
