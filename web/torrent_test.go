package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/web"
)

// hostileTorrent has markup, control characters and marks of direction wherever text goes.
func hostileTorrent(t *testing.T) web.Torrent {
	t.Helper()
	const text = "<script>alert(1)</script>\x00\n\u202egnp.exe\u2066\">"
	v2, err := infohash.Parse(strings.Repeat("A1", infohash.SizeV2))
	if err != nil {
		t.Fatal(err)
	}
	all := infohash.Set{V1: ids(t).V1, V2: v2}
	return web.Torrent{
		IDs: all, Name: text, TorrentSize: 1000, ContentSize: 12_345_678, PieceLength: 1 << 18, PieceCount: 48, FileCount: 3,
		Private: true, NoLayers: true, Cut: true, Created: time.Unix(1, 0), Stored: time.Unix(2, 0), CreatedBy: text, Comment: text,
		Source: text, Trackers: [][]web.Address{{{Text: text}, {Text: "tracker.example", Hidden: true}}}, WebSeeds: []web.Address{{Text: text}},
		Nodes: []string{text}, Magnet: all.Magnet(), LaterPage: true, NextFiles: `"><b>`,
		Files: []web.File{{Path: []string{"..", text, text}, Size: 5}, {Path: []string{text}, Link: text}, {Path: []string{"padding"}, Pad: true}},
	}
}

// page returns the page of a torrent.
func page(t *testing.T, o web.Options, about web.Torrent) string {
	t.Helper()
	site := newSite(t, o)
	return render("cache.example", func(w http.ResponseWriter, r *http.Request) { site.TorrentPage(w, r, about) }).Body.String()
}

func TestThePageOfATorrentSaysWhatIsInIt(t *testing.T) {
	body := page(t, web.Options{}, hostileTorrent(t))
	for _, want := range []string{
		"<h1><bdi>&lt;script&gt;alert(1)&lt;/script&gt;[U&#43;0000][U&#43;000A][U&#43;202E]gnp.exe[U&#43;2066]&#34;&gt;</bdi></h1>",
		`property="og:title" content="&lt;script&gt;`, `content="http://cache.example/info/` + hash + `"`,
		`href="/torrent/` + hash + `.torrent"`, "12.3 MB in 3 files (12,345,678 bytes)", "48 of 256 KiB", "<dt>Private</dt>",
		"<dt>Piece layers</dt>", "1 January 1970, 00:00 UTC", "tracker.example</bdi> <span class=\"note\">(only the host is shown)",
		"Nobody vouches", "<summary><bdi>..</bdi>/ ", "First files", "?files=%22%3e%3cb%3e#files", strings.Repeat("A1", 32),
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, not := range []string{"\u202e", "\x00", "\u2066", "<script>", "padding</bdi>"} {
		if strings.Contains(body, not) {
			t.Errorf("the page has %q:\n%s", not, body)
		}
	}
}

func TestATorrentWithoutANameIsNamedByItsHash(t *testing.T) {
	for _, name := range []string{"", " \u3000"} {
		if body := page(t, web.Options{}, web.Torrent{IDs: ids(t), Name: name}); !strings.Contains(body, "<h1><bdi>"+hash+"</bdi></h1>") {
			t.Errorf("%q: the page lacks the hash as its title", name)
		}
	}
}

// Long lists end early, deep folders stand in one line, and names are cut.
func TestThePageOfATorrentHasItsBounds(t *testing.T) {
	about := web.Torrent{IDs: ids(t), FileCount: 1, Name: strings.Repeat("ä", 1000)}
	about.Files = []web.File{{Path: strings.Split(strings.Repeat("d/", 100)+"f", "/")}}
	for n := range 300 {
		about.Trackers = append(about.Trackers, []web.Address{{Text: fmt.Sprintf("udp://t%d.example", n)}})
		about.WebSeeds = append(about.WebSeeds, web.Address{Text: "seed"})
		about.Nodes = append(about.Nodes, "node:1")
	}
	body := page(t, web.Options{}, about)
	if n := strings.Count(body, "<details"); n != 16 {
		t.Errorf("%d folders in one another", n)
	}
	for text, want := range map[string]int{"udp://t": 100, "<bdi>seed</bdi>": 100, "node:1": 100, "And 200 more.": 2, "The first 100 of 300.": 1} {
		if n := strings.Count(body, text); n != want {
			t.Errorf("%s stands there %d times, want %d", text, n, want)
		}
	}
	if strings.Contains(body, strings.Repeat("ä", 256)) || !strings.Contains(body, strings.Repeat("ä", 255)+"…") {
		t.Error("the name is not cut")
	}
}

// The links of a page have the key in the path. The addresses that people pass on do not.
func TestTheKeyInThePathIsNotPassedOn(t *testing.T) {
	const prefix = "/k/tc_secret"
	o := web.Options{PublicURL: "https://cache.example", Prefix: func(*http.Request) string { return prefix }}
	for _, private := range []bool{false, true} {
		o.Private = func() bool { return private }
		for name, w := range pages(t, newSite(t, o)) {
			t.Run(name, func(t *testing.T) { checkPrefix(t, w, prefix) })
		}
	}
}

func checkPrefix(t *testing.T, w *httptest.ResponseRecorder, prefix string) {
	body := w.Body.String()
	if strings.Contains(body, `href="`+prefix+"/torrent/") {
		t.Error("the address of a download has the key")
	}
	inPlace := 0
	for _, place := range []string{`href="`, `action="`, `data-api="`, `data-page="`} {
		inPlace += strings.Count(body, place+prefix+"/")
	}
	if strings.Count(body, prefix) != inPlace {
		t.Errorf("the key stands elsewhere than in links and forms:\n%s", body)
	}
	if strings.Contains(body, `href="/"`) || strings.Contains(body, `href="/automation"`) {
		t.Error("a link to another page loses the key")
	}
}
