package metainfo_test

import (
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/torrentcache/torrentcache/metainfo"
	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// asUTF8 is s with U+FFFD in place of each byte that is not UTF-8.
func asUTF8(s string) string { return string([]rune(s)) }

func TestLongTextsAreCut(t *testing.T) {
	const most = metainfo.MaxText
	for name, test := range map[string]struct{ text, want string }{
		"as long as may be":      {strings.Repeat("a", most), strings.Repeat("a", most)},
		"one byte more":          {strings.Repeat("a", most+1), strings.Repeat("a", most-3) + "…"},
		"between two runes":      {strings.Repeat("é", most), strings.Repeat("é", most/2-2) + "…"},
		"within a rune":          {"a" + strings.Repeat("é", most), "a" + strings.Repeat("é", most/2-2) + "…"},
		"no UTF-8":               {strings.Repeat("\xff", most), strings.Repeat("\xff", most/3-1) + "…"},
		"no UTF-8, just enough":  {strings.Repeat("\xff", most/3), strings.Repeat("\xff", most/3)},
		"the mark, as it stands": {"…", "…"},
	} {
		t.Run(name, func(t *testing.T) {
			got := described(t, tt.Dict{"comment": test.text})
			if got.Comment != test.want || got.Cut != (test.text != test.want) {
				t.Errorf("%d bytes that end in %q, cut: %v; want %d bytes", len(got.Comment), got.Comment[max(0, len(got.Comment)-9):], got.Cut, len(test.want))
			}
			if mended := asUTF8(got.Comment); len(mended) > most {
				t.Errorf("%d bytes as UTF-8, want %d at most", len(mended), most)
			}
		})
	}
}

// longText is longer than any text of a description may be.
var longText = strings.Repeat("long ", metainfo.MaxText)

func TestEveryTextIsBounded(t *testing.T) {
	info := v1Info(tt.Dict{
		"name": longText, "source": longText, "pieces": hashes(1),
		"files": tt.List{tt.Dict{"length": 1, "path": tt.List{longText, longText, longText}, "attr": longText[1:] + "l", "symlink path": tt.List{longText}}, file(5, "x")},
	})
	list := tt.List{longText, longText}
	torrent := mustParse(t, tt.Bencode(tt.Dict{
		"info": info, "announce-list": tt.List{list, list}, "url-list": list, "httpseeds": longText, "nodes": tt.List{tt.List{longText, 1}},
		"comment": longText, "created by": longText, "encoding": longText,
	}))
	d, file := torrent.Describe(), torrent.Files(0, 1)[0]
	texts := []string{d.Name, d.Source, d.Comment, d.CreatedBy, d.Encoding, d.Nodes[0].Host, file.Attr}
	for _, more := range [][]string{d.Trackers[0], d.Trackers[1], d.WebSeeds, d.HTTPSeeds, file.Path[:2], file.SymlinkPath} {
		texts = append(texts, more...)
	}
	for _, text := range texts {
		if len(text) > metainfo.MaxText || !strings.HasPrefix(text, "long ") && !strings.HasPrefix(text, "ong ") || !strings.HasSuffix(text, metainfo.CutMark) {
			t.Errorf("a text of %d bytes that begins with %.10q", len(text), text)
		}
	}
	if len(texts) != 7+4+3+2+1 || !d.Cut || !file.Cut || len(file.Path) != 3 || file.Path[2] != metainfo.CutMark {
		t.Errorf("%d texts, cut: %v, %v, a path of %d segments", len(texts), d.Cut, file.Cut, len(file.Path))
	}
	if len(d.Magnet) > 4096 || !strings.Contains(d.Magnet, "&dn=long%20long") {
		t.Errorf("a magnet link of %d bytes", len(d.Magnet))
	}
}

// The memory of a description has a bound, however large the torrent is.
func TestDescriptionsTakeLittleMemory(t *testing.T) {
	const size = 9_900_000
	many := func(n int, item any) (list tt.List) {
		for range n {
			list = append(list, item)
		}
		return list
	}
	for name, outer := range map[string]tt.Dict{
		"a comment":            {"comment": strings.Repeat("\x01", size)},
		"no UTF-8":             {"comment": strings.Repeat("\xff", size)},
		"long trackers":        {"announce-list": tt.List{many(size/metainfo.MaxText, longText[:metainfo.MaxText])}},
		"many trackers":        {"announce-list": tt.List{many(100_000, "udp://a.example/")}},
		"many tiers":           {"announce-list": many(100_000, tt.List{"udp://a.example/"})},
		"many seeds":           {"url-list": many(100_000, "http://a.example"), "httpseeds": many(20_000, "http://a.example")},
		"many nodes":           {"nodes": many(50_000, tt.List{"a.example", 1})},
		"a path of many parts": {"info": v1Info(tt.Dict{"files": tt.List{tt.Dict{"length": 1, "path": many(600_000, "")}}, "pieces": hashes(1)})},
		"many long paths":      {"info": v1Info(tt.Dict{"files": many(4_000, tt.Dict{"length": 1, "path": many(100, "a")}), "pieces": hashes(1)})},
	} {
		t.Run(name, func(t *testing.T) {
			torrent := mustParse(t, tt.Bencode(with(tt.Dict{"info": v1Info(nil)}, outer)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			d, files := torrent.Describe(), torrent.Files(0, 10_000)
			runtime.ReadMemStats(&after)
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 6<<20 {
				t.Errorf("%d bytes taken", taken)
			}
			if cut := d.Cut || files[0].Cut || len(files) < d.FileCount; !cut {
				t.Error("nothing is said of what was left out")
			}
		})
	}
}

// However long the paths are, the pages of files together have all files.
func TestPagesOfLongPaths(t *testing.T) {
	var list tt.List
	for i := range 50 {
		list = append(list, file(1, longText[:60_000], string(rune('a'+i))))
	}
	torrent := mustParse(t, tt.Bencode(tt.Dict{"info": v1Info(tt.Dict{"files": list, "pieces": hashes(1)})}))
	seen, pages := 0, 0
	for ; seen < len(list); pages++ {
		page := torrent.Files(seen, len(list))
		if len(page) == 0 {
			t.Fatal("an empty page")
		}
		for _, f := range page {
			if want := string(rune('a' + seen)); f.Cut || f.Path[1] != want || !utf8.ValidString(f.Path[0]) {
				t.Fatalf("file %d ends in %q, want %q", seen, f.Path[1], want)
			}
			seen++
		}
	}
	if pages < 3 {
		t.Errorf("%d pages", pages)
	}
}
