//go:build e2e

package test

import (
	"fmt"
	"os"
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

func (s sight) String() string { return fmt.Sprintf("%d-%s", s.width, s.scheme) }

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

// hashIn returns the info hash of a torrent that a server gets.
func hashIn(t *testing.T, s *server, torrent []byte) string {
	t.Helper()
	return strings.TrimSuffix(strings.TrimPrefix(upload(t, s.HTTP, torrent), "/torrent/"), ".torrent")
}

// everyPage returns the paths of all pages by name. The server has a torrent under hash, and
// has removed another.
func everyPage(hash, removed string) map[string]string {
	absent := strings.Repeat("AB", 20)
	return map[string]string{
		"home":         "/",
		"guide":        "/automation",
		"torrent":      "/info/" + hash,
		"missing":      "/info/" + absent,
		"removed":      "/info/" + removed,
		"no hash":      "/lookup?q=hello",
		"list":         "/lookup?q=" + hash + "%0A" + absent + "%0Ahello",
		"not found":    "/nothing",
		"removal":      "/removal",
		"dead link":    "/torrent/" + absent + ".torrent",
		"dead removed": "/torrent/" + removed + ".torrent",
		"dead no hash": "/torrent/hello",
	}
}

// testEveryPage looks at every page as wide as a desk and as narrow as a phone, in light and in
// darkness, with axe, which finds what people who do not see or use no mouse stumble over. Those
// of a gateway are the same, and are looked at in the two ways that differ most.
func testEveryPage(t *testing.T, b *browser, s, edge *server) {
	removed := hashIn(t, s, torrenttest.V1("removed"))
	run(t, ".", binary(t), "remove", "--admin", s.Admin, removed)
	for name, path := range everyPage(hashIn(t, s, hostileTorrent()), removed) {
		b.look(t, "http://"+s.HTTP+path, name, sights...)
		b.look(t, "http://"+edge.HTTP+path, "gateway "+name, sights[0], sights[3])
	}
}

// look looks at a page in some ways.
func (b *browser) look(t *testing.T, address, name string, looks ...sight) {
	t.Helper()
	b.open(t, address)
	b.loadAxe(t)
	for _, look := range looks {
		b.see(t, look)
		b.picture(t, strings.ReplaceAll(name, " ", "-")+"-"+look.String())
		b.check(t, name+", "+look.String())
	}
	checkConsole(t, b, name)
}

// loadAxe makes the page ready for check.
func (b *browser) loadAxe(t *testing.T) {
	t.Helper()
	axe, err := os.ReadFile("../.tools/node/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	b.run(t, nil, string(axe)+"; window.axe = axe;")
}

// check holds the page to the rules of axe.
func (b *browser) check(t *testing.T, name string) {
	t.Helper()
	var found struct {
		Wider      bool
		Violations []string
	}
	b.run(t, &found, `const {violations} = await axe.run();
		return {
			wider: document.documentElement.scrollWidth > innerWidth,
			violations: violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")),
		}`)
	if found.Wider {
		t.Errorf("%s: the page is wider than the window", name)
	}
	for _, v := range found.Violations {
		t.Errorf("%s: %s", name, v)
	}
}

// checkConsole fails if the console has said anything but that a page is a 404 or the like.
func checkConsole(t *testing.T, b *browser, name string) {
	t.Helper()
	for _, message := range b.messages(t) {
		if !strings.Contains(message, "Failed to load resource: the server responded with a status of 4") {
			t.Errorf("%s: the console says %s", name, message)
		}
	}
}
