package wanted_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/wanted"
)

func TestIsTracker(t *testing.T) {
	for address, want := range map[string]bool{
		"http://tracker.example/announce": true, "https://tracker.example/announce?x=1": true, "udp://tracker.example:80": true,
		"HTTP://TRACKER.EXAMPLE/announce": true, "udp://[2001:db8::1]:6969/announce": true,
		"udp://tracker.example": false, "wss://tracker.example": false, "http://": false, "tracker.example": false, "": false, "http://a b/": false,
		"http://user:password@tracker.example/announce":                    false,
		"http://tracker.example/0123456789abcdef0123456789abcdef/announce": false,
		"http://tracker.example/announce?passkey=secretsecret":             false,
		"http://tracker.example/" + strings.Repeat("a/", 100):              false,
		"javascript:alert(1)": false, "file:///etc/passwd": false, "ftp://tracker.example/": false,
	} {
		if got := wanted.IsTracker(address); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}

func TestTrackers(t *testing.T) {
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("udp://t%d.example:80", i/2), "wss://none.example")
	}
	got := wanted.Trackers(many)
	if len(got) != wanted.MaxTrackers || got[0] != "udp://t0.example:80" || !slices.IsSorted(got) {
		t.Errorf("%q", got)
	}
	if got := wanted.Trackers(nil); got != nil {
		t.Errorf("%q", got)
	}
}

func TestOfMagnet(t *testing.T) {
	for link, want := range map[string]string{
		"magnet:?xt=urn:btih:0&tr=udp%3A%2F%2Fa.example%3A80&amp;tr=http://b.example/announce&tr.1=udp://c.example:1": "udp://a.example:80 http://b.example/announce udp://c.example:1",
		" <MAGNET:?tr=udp://a.example:80&dn=100%&x=1":                                                                 "udp://a.example:80",
		"magnet:?xt=urn:btih:0": "", "http://x/?tr=udp://a.example:80": "", "": "", "magnet:": "",
	} {
		if got := strings.Join(wanted.OfMagnet(link), " "); got != want {
			t.Errorf("%s: %q", link, got)
		}
	}
}
