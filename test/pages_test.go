//go:build e2e

package test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// sight is a window width and a colour scheme in which pages are checked.
type sight struct {
	width  int // of the window, in CSS pixels
	scheme string
}

var sights = []sight{{1280, "light"}, {1280, "dark"}, {390, "light"}, {390, "dark"}}

func (s sight) String() string { return fmt.Sprintf("%d-%s", s.width, s.scheme) }

// see makes the browser show pages in a sight.
func (b *browser) see(t *testing.T, s sight) {
	t.Helper()
	b.command(t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": s.width, "height": 800, "deviceScaleFactor": 1, "mobile": false})
	b.command(t, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]any{{"name": "prefers-color-scheme", "value": s.scheme}}})
}

// hostileTorrent returns a torrent of n files with text that does harm on a page that does not
// escape it.
func hostileTorrent(n int) []byte {
	const name = "\u202egnp.<img src=x onerror=alert(1)>\x07"
	files := torrenttest.List{}
	total := 0
	for n := range n {
		path := torrenttest.List{fmt.Sprintf("Folder %d", n/100), fmt.Sprintf("Part %d", n/10), fmt.Sprintf("File %d.txt", n)}
		files = append(files, torrenttest.Dict{"length": 1000 + n, "path": path})
		total += 1000 + n
	}
	return torrenttest.Bencode(torrenttest.Dict{
		"announce-list": torrenttest.List{torrenttest.List{"udp://tracker.example:6969/announce"},
			torrenttest.List{"https://secret.example/0123456789abcdef0123456789abcdef/announce"}},
		"comment": "Two lines,\n<b>plain</b> text: https://elsewhere.example/", "created by": "a test", "creation date": 1_700_000_000,
		"info": torrenttest.Dict{"name": name, "files": files, "piece length": 1 << 15,
			"pieces": strings.Repeat("p", 20*((total+(1<<15)-1)>>15))},
	})
}

// hashIn uploads a torrent to a server and returns its info hash.
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

// testEveryPage checks every page with axe, which finds barriers for people who cannot see or do
// not use a mouse. It checks each page at desktop and phone width, in the light and the dark
// scheme. The pages of a gateway are the same, so it checks those in the two most different
// sights. It checks a full page of files only once, because axe takes seconds for it and finds
// the same at each file.
func testEveryPage(t *testing.T, b *browser, s, edge *server) {
	removed := hashIn(t, s, torrenttest.V1("removed"))
	run(t, ".", binary(t), "remove", "--admin", s.Admin, removed)
	b.look(t, "http://"+s.HTTP+"/info/"+hashIn(t, s, hostileTorrent(1200)), "torrent of 1200 files", sights[3])
	for name, path := range everyPage(hashIn(t, s, hostileTorrent(30)), removed) {
		b.look(t, "http://"+s.HTTP+path, name, sights...)
		b.look(t, "http://"+edge.HTTP+path, "gateway "+name, sights[0], sights[3])
	}
}

// look checks a page in some sights.
func (b *browser) look(t *testing.T, address, name string, looks ...sight) {
	t.Helper()
	b.open(t, address)
	b.loadAxe(t)
	width := 0
	for _, look := range looks {
		b.see(t, look)
		b.picture(t, strings.ReplaceAll(name, " ", "-")+"-"+look.String())
		if look.width != width {
			b.check(t, name+", "+look.String())
		} else { // the other scheme changes only colours
			b.check(t, name+", "+look.String(), "color-contrast", "link-in-text-block")
		}
		width = look.width
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

// check checks the page against the given rules of axe, or against all rules.
func (b *browser) check(t *testing.T, name string, rules ...string) {
	t.Helper()
	var found struct {
		Wider      bool
		Violations []string
	}
	// With preload axe would request the style sheets again, which the pages' policy forbids, and
	// would wait ten seconds for them.
	b.run(t, &found, `const {violations} = await axe.run({preload: false, ...(arguments.length && {runOnly: [...arguments]})});
		return {
			wider: document.documentElement.scrollWidth > innerWidth,
			violations: violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")),
		}`, anys(rules)...)
	if found.Wider {
		t.Errorf("%s: the page is wider than the window", name)
	}
	for _, v := range found.Violations {
		t.Errorf("%s: %s", name, v)
	}
}

func anys(texts []string) []any {
	var values []any
	for _, text := range texts {
		values = append(values, text)
	}
	return values
}

// checkConsole fails on every console message that is not about an expected 4xx status.
func checkConsole(t *testing.T, b *browser, name string) {
	t.Helper()
	for _, message := range b.messages(t) {
		if !strings.Contains(message, "Failed to load resource: the server responded with a status of 4") {
			t.Errorf("%s: the console says %s", name, message)
		}
	}
}
