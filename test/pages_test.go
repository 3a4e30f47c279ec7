//go:build e2e

package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// sight is one way in which pages are looked at.
type sight struct {
	width  int // of the window, in CSS pixels
	scheme string
}

var sights = []sight{{1280, "light"}, {1280, "dark"}, {390, "light"}, {390, "dark"}}

func (s sight) String() string { return fmt.Sprint(s.width, " ", s.scheme) }

// see has the browser show pages so.
func (b *browser) see(t *testing.T, s sight) {
	t.Helper()
	b.command(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": s.width, "height": 800, "deviceScaleFactor": 1, "mobile": false})
	b.command(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]any{{"name": "prefers-color-scheme", "value": s.scheme}}})
}

// hostileTorrent has text that would do harm on a page that lets it.
func hostileTorrent() []byte {
	const name = "\u202egnp.<img src=x onerror=alert(1)>\x07"
	files := torrenttest.List{}
	for n := range 1200 {
		path := torrenttest.List{fmt.Sprintf("Folder %d", n/100), fmt.Sprintf("Part %d", n/10), fmt.Sprintf("File %d.txt", n)}
		files = append(files, torrenttest.Dict{"length": 1000 + n, "path": path})
	}
	const total = 1200*1000 + 1199*1200/2
	return torrenttest.Bencode(torrenttest.Dict{
		"announce-list": torrenttest.List{torrenttest.List{"udp://tracker.example:6969/announce"},
			torrenttest.List{"https://secret.example/0123456789abcdef0123456789abcdef/announce"}},
		"comment": "Two lines,\n<b>plain</b> text: https://elsewhere.example/", "created by": "a test", "creation date": 1_700_000_000,
		"info": torrenttest.Dict{"name": name, "files": files, "piece length": 1 << 15,
			"pieces": strings.Repeat("p", 20*((total+(1<<15)-1)>>15))},
	})
}

// everyPage returns the paths of all pages, by name, of a server that has the hostile torrent
// under hash.
func everyPage(hash string) map[string]string {
	return map[string]string{
		"home":      "/",
		"guide":     "/automation",
		"torrent":   "/info/" + hash,
		"missing":   "/info/" + strings.Repeat("AB", 20),
		"no hash":   "/lookup?q=hello",
		"not found": "/nothing",
	}
}

// TestPagesInABrowser looks at every page in real Chromium: as wide as a desk and as narrow as a
// phone, in light and in darkness.
func TestPagesInABrowser(t *testing.T) {
	s := startServer(t)
	hash := strings.TrimSuffix(strings.TrimPrefix(upload(t, s.HTTP, hostileTorrent()), "/torrent/"), ".torrent")
	b := startBrowser(t)
	for _, look := range sights {
		b.see(t, look)
		for name, path := range everyPage(hash) {
			b.open(t, "http://"+s.HTTP+path)
			b.picture(t, fmt.Sprintf("%s-%d-%s", strings.ReplaceAll(name, " ", "-"), look.width, look.scheme))
			var wider bool
			if b.run(t, &wider, "return document.documentElement.scrollWidth > innerWidth"); wider {
				t.Errorf("%s, %s: the page is wider than the window", name, look)
			}
			for _, message := range b.messages(t) {
				if !strings.Contains(message, "status of 4") { // what Chromium says of a page that is a 404
					t.Errorf("%s: the console says %s", name, message)
				}
			}
		}
	}
}
