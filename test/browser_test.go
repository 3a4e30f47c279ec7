//go:build e2e

package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// Keys of the keyboard (WebDriver, section 17.4.2).
const (
	tabKey   = "\ue004"
	enterKey = "\ue007"
)

// TestPagesInABrowser uses the pages as a user would, in real Chromium by WebDriver. The pages'
// strict Content-Security-Policy must allow all of it.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	open := startServer(t, "--contact", "abuse@cache.example")
	edge := startGateway(t, open, "--contact", "abuse@cache.example")
	keyed, key := startKeyed(t)
	b := startBrowser(t)
	t.Run("every page", func(t *testing.T) { testEveryPage(t, b, open, edge) })
	b.see(t, sights[0])
	for name, s := range map[string]*server{"serve": open, "gateway": edge} {
		t.Run("form without a script, "+name, func(t *testing.T) { testPlainForm(t, b, s, "/") })
		t.Run("several files, "+name, func(t *testing.T) { testSeveralFiles(t, b, s) })
	}
	for name, s := range map[string]*server{"serve": keyed, "gateway": startGateway(t, keyed)} {
		t.Run("key, "+name, func(t *testing.T) { testUploadWithKey(t, b, s, key) })
		t.Run("key in the path, "+name, func(t *testing.T) { testKeyInPath(t, b, s, key) })
		t.Run("form with a key without a script, "+name, func(t *testing.T) { testPlainForm(t, b, s, "/k/"+key+"/") })
	}
	t.Run("drop and cancel", func(t *testing.T) { testDropAndCancel(t, b, open) })
	t.Run("find", func(t *testing.T) { testFind(t, b, open) })
	t.Run("keyboard", func(t *testing.T) { testKeyboard(t, b, open) })
	t.Run("copy", func(t *testing.T) { testCopy(t, b, open) })
}

// startGateway starts a gateway in front of a server.
func startGateway(t *testing.T, backend *server, flags ...string) *server {
	t.Helper()
	g := &server{HTTP: freeAddress(t), Admin: freeAddress(t)}
	g.start(t, append([]string{"gateway", "--backend", backend.GRPC, "--http-addr", g.HTTP, "--admin-addr", g.Admin}, flags...))
	return g
}

// startKeyed starts a server that requires a key for uploads and refuses private torrents.
func startKeyed(t *testing.T) (s *server, key string) {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "keys")
	out := run(t, ".", binary(t), "key", "new", "--name", "person", "--role", "write", "--keys-file", keys)
	at := strings.Index(out, "tc_")
	if at < 0 {
		t.Fatalf("no key in %q", out)
	}
	key, _, _ = strings.Cut(out[at:], "\n")
	return startServer(t, "--keys-file", keys, "--private", "reject"), strings.Fields(key)[0]
}

// torrentFiles writes n torrents into a new folder and returns their paths. The names of the
// files begin with name.
func torrentFiles(t *testing.T, name string, n int) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for i := range n {
		file := fmt.Sprintf("%s %d.torrent", name, i)
		writeFile(t, dir, file, torrenttest.V1(file))
		paths = append(paths, filepath.Join(dir, file))
	}
	return paths
}

// choose selects files in a file input.
func (b *browser) choose(t *testing.T, selector string, paths ...string) {
	t.Helper()
	b.do(t, "POST", b.find(t, selector)+"/value", map[string]any{"text": strings.Join(paths, "\n")}, nil)
}

func (b *browser) click(t *testing.T, selector string) {
	t.Helper()
	b.do(t, "POST", b.find(t, selector)+"/click", map[string]any{}, nil)
}

// awaitText waits until the page shows a text.
func (b *browser) awaitText(t *testing.T, text string) {
	t.Helper()
	b.await(t, "return document.body.innerText.includes(arguments[0])", text)
}

// awaitLink waits for a download link, and compares the download with the file at path.
func (b *browser) awaitLink(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b.await(t, `return !!document.querySelector("main a[href*='/torrent/']")`)
	var link string
	b.run(t, &link, `return document.querySelector("main a[href*='/torrent/']").href`)
	if got := mustFetch(t, link); !bytes.Equal(got, data) {
		t.Errorf("the link %s gives %d bytes, other than the %d uploaded", link, len(got), len(data))
	}
}

// testPlainForm uploads by the form of the front page at path, without scripts.
func testPlainForm(t *testing.T, b *browser, s *server, path string) {
	disableScripts := func(value bool) {
		b.command(t, "Emulation.setScriptExecutionDisabled", map[string]any{"value": value})
	}
	disableScripts(true)
	defer disableScripts(false) // for the tests that follow if this one fails
	b.open(t, "http://"+s.HTTP+path)
	file := torrentFiles(t, "plain", 1)[0]
	b.choose(t, "#torrent", file)
	b.click(t, "#upload button[type=submit]")
	b.find(t, ".answer.good") // a click does not wait for the page that it leads to
	disableScripts(false)
	b.awaitLink(t, file)
}

func testSeveralFiles(t *testing.T, b *browser, s *server) {
	b.open(t, "http://"+s.HTTP+"/")
	few := torrentFiles(t, "several "+s.HTTP, 3)
	dir := filepath.Dir(torrentFiles(t, "folder "+s.HTTP, 5)[0])
	writeFile(t, dir, "readme.txt", []byte("no torrent"))
	broken := filepath.Join(dir, "broken.torrent")
	writeFile(t, dir, "broken.torrent", []byte("no torrent either"))
	large := filepath.Join(t.TempDir(), "large.torrent")
	writeFile(t, filepath.Dir(large), filepath.Base(large), make([]byte, 10_000_001))
	b.choose(t, "#torrent", append(few, large)...)
	b.choose(t, "#folder", dir)
	b.click(t, "#upload button[type=submit]")
	b.awaitText(t, "8 of 10 stored, 2 failed, 1 left out")
	b.awaitText(t, "TORRENT_INVALID")
	b.awaitText(t, "this server takes 10,000,000 at most. Nothing was sent.")
	b.picture(t, "uploads")
	b.loadAxe(t)
	b.check(t, "uploads")
	if err := os.WriteFile(broken, torrenttest.V1("mended "+s.HTTP), 0o600); err != nil {
		t.Fatal(err)
	}
	var links int
	b.run(t, &links, `return document.querySelectorAll("#uploads a[href*='/info/']").length`)
	if links != 8 {
		t.Errorf("%d links to torrents, want 8", links)
	}
	b.choose(t, "#torrent", few...)
	b.click(t, "#upload button[type=submit]")
	b.awaitText(t, "Was here already")
	b.click(t, "#uploads li[data-state=done] a")
	b.awaitLink(t, few[0])
	checkConsole(t, b, "uploads")
}

// testDropAndCancel slows uploads down, so that there is time to cancel one.
func testDropAndCancel(t *testing.T, b *browser, s *server) {
	b.open(t, "http://"+s.HTTP+"/")
	large := filepath.Join(t.TempDir(), "large.torrent")
	writeFile(t, filepath.Dir(large), filepath.Base(large), largeTorrent())
	b.command(t, "Network.enable", map[string]any{})
	slow := map[string]any{"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
	b.command(t, "Network.emulateNetworkConditions", slow)
	data := map[string]any{"items": []any{}, "files": []string{large, filepath.Dir(torrentFiles(t, "dropped", 2)[0])}, "dragOperationsMask": 1}
	for _, event := range []string{"dragEnter", "dragOver", "drop"} {
		b.command(t, "Input.dispatchDragEvent", map[string]any{"type": event, "x": 200, "y": 200, "data": data})
	}
	b.awaitText(t, "large.torrent")
	b.await(t, `return document.querySelector("#uploads progress").value > 0`)
	b.picture(t, "uploading")
	b.click(t, "#uploads li button")
	b.awaitText(t, "2 of 3 stored, 1 cancelled")
	slow["uploadThroughput"] = -1
	b.command(t, "Network.emulateNetworkConditions", slow)
	b.command(t, "Network.disable", map[string]any{})
	b.click(t, "#retry-all")
	b.awaitText(t, "3 of 3 stored")
	checkConsole(t, b, "drop")
}

// largeTorrent returns a torrent of 2 MB.
func largeTorrent() []byte {
	const pieces = 100_000
	return torrenttest.Bencode(torrenttest.Dict{"info": torrenttest.Dict{
		"name": "large", "length": pieces << 14, "piece length": 1 << 14, "pieces": strings.Repeat("12345678901234567890", pieces),
	}})
}

func testUploadWithKey(t *testing.T, b *browser, s *server, key string) {
	b.open(t, "http://"+s.HTTP+"/")
	b.awaitText(t, "Uploading here needs a key.")
	b.awaitText(t, "Private torrents are refused here.")
	b.picture(t, "key")
	b.loadAxe(t)
	b.check(t, "front page that wants a key")
	b.choose(t, "#torrent", torrentFiles(t, "keyed", 1)...)
	b.click(t, "#upload button[type=submit]")
	b.awaitText(t, "enter your key to begin")
	b.keys(t, append(strings.Split("tc_wrong", ""), tabKey)...) // the field has the focus
	b.awaitText(t, "the key is not known here")
	b.run(t, nil, `document.getElementById("key").value = ""`)
	b.do(t, "POST", b.find(t, "#key")+"/value", map[string]any{"text": key + tabKey}, nil)
	b.awaitText(t, "1 of 1 stored")
	var kept string
	b.run(t, &kept, `return JSON.stringify([localStorage.length, sessionStorage.length, document.cookie, location.href.includes("tc_")])`)
	if kept != `[0,0,"",false]` {
		t.Errorf("the page keeps %s", kept)
	}
	b.open(t, "http://"+s.HTTP+"/")
	b.await(t, `return document.getElementById("key").value === ""`)
	checkConsole(t, b, "key")
}

func testKeyInPath(t *testing.T, b *browser, s *server, key string) {
	path := torrentFiles(t, "key in the path", 1)[0]
	b.open(t, "http://"+s.HTTP+"/k/"+key+"/")
	b.choose(t, "#torrent", path)
	b.click(t, "#upload button[type=submit]")
	b.awaitText(t, "1 of 1 stored")
	b.click(t, "#uploads li a")
	b.await(t, "return location.pathname.startsWith(arguments[0])", "/k/"+key+"/info/")
	var shared []string
	b.run(t, &shared, `return [...document.querySelectorAll("code, a[href*='/torrent/'], a[href^=magnet], meta")].map(e => e.outerHTML)`)
	if text := strings.Join(shared, "\n"); strings.Contains(text, key) || !strings.Contains(text, "og:title") {
		t.Errorf("what people pass on has the key: %s", text)
	}
	b.awaitLink(t, path)
	b.click(t, ".brand")
	b.await(t, "return location.pathname === arguments[0]", "/k/"+key+"/")
	checkConsole(t, b, "key in the path")
}

func testFind(t *testing.T, b *browser, s *server) {
	hash, absent := hashIn(t, s, torrenttest.V1("to be found")), strings.Repeat("AB", 20)
	b.open(t, "http://"+s.HTTP+"/")
	pasted := "magnet:?xt=urn:btih:" + hash + "&dn=x\nhttp://a.example/torrent/" + absent + ".torrent\n"
	b.run(t, nil, `document.getElementById("q").value = arguments[0]`, pasted)
	b.click(t, "form[action$='/lookup'] button")
	b.awaitText(t, "1 of 2 are cached")
	b.click(t, "main li a")
	b.await(t, "return location.pathname === arguments[0]", "/info/"+hash)
	checkConsole(t, b, "find")
}

// testKeyboard gets from the front page to a file of a torrent by keyboard alone.
func testKeyboard(t *testing.T, b *browser, s *server) {
	hash := hashIn(t, s, torrenttest.V1("by keyboard", torrenttest.File{Path: "a/1", Data: []byte("1")}, torrenttest.File{Path: "b/2", Data: []byte("2")}))
	b.open(t, "http://"+s.HTTP+"/")
	b.tabTo(t, "#torrent")
	b.tabTo(t, "#folder")
	b.tabTo(t, "#key")
	b.tabTo(t, "#upload button[type=submit]")
	b.tabTo(t, "#q")
	b.keys(t, append(strings.Split(strings.ToLower(hash), ""), enterKey)...)
	b.await(t, "return location.pathname === arguments[0]", "/info/"+hash)
	b.tabTo(t, "a[href*='/torrent/']")
	b.tabTo(t, "button[data-copy=magnet]")
	b.tabTo(t, "summary")
	b.await(t, "return document.querySelector('details').open")
	b.keys(t, enterKey)
	b.await(t, "return !document.querySelector('details').open")
}

// tabTo presses the Tab key until an element has the focus.
func (b *browser) tabTo(t *testing.T, selector string) {
	t.Helper()
	for range 30 {
		b.keys(t, tabKey)
		var there bool
		if b.run(t, &there, "return document.activeElement.matches(arguments[0])", selector); there {
			return
		}
	}
	t.Fatalf("no way to %s by the tabulator", selector)
}

// testCopy copies where the page has no clipboard, as on plain HTTP.
func testCopy(t *testing.T, b *browser, s *server) {
	hash := hashIn(t, s, torrenttest.V1("to be copied"))
	b.open(t, "http://"+s.HTTP+"/info/"+hash)
	b.run(t, nil, `Object.defineProperty(navigator, "clipboard", {value: undefined})`)
	b.click(t, "button[data-copy=v1]")
	b.await(t, "return getSelection().toString() === arguments[0]", hash)
	b.awaitText(t, "Marked: copy it with Ctrl+C")
}
