package metainfo_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo"
	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// hostileTorrents are as large as an upload may be, or as the limits let them.
func hostileTorrents() map[string][]byte {
	outer := func(key string, value string) []byte {
		return tt.Bencode(tt.Pairs{{Key: key, Value: tt.Raw(value)}, {Key: "info", Value: v1Info(nil)}})
	}
	roots := tt.Dict{}
	dirs := tt.Dict{}
	layer := tt.Data(1, 32*100_000)
	root := string(tt.MerkleRoot(layer, 16384))
	for i := range 100_000 {
		roots[fmt.Sprintf("%032d", i)] = ""
		if i < 20 {
			dirs[fmt.Sprint(i)] = tt.Dict{"": tt.Dict{"length": 100_000 * 16384, "pieces root": root}}
		}
	}
	million := "d4:infod5:filesl" + strings.Repeat("de", 1_000_000)
	return map[string][]byte{
		"nested a million deep":          outer("a", strings.Repeat("l", 1_000_000)),
		"dictionaries a million deep":    []byte(strings.Repeat("d1:a", 1_000_000)),
		"a string of 99,999,999,999":     outer("a", "99999999999:"),
		"an integer of 10 MB":            outer("a", "i"+strings.Repeat("9", 10_000_000)+"e"),
		"a length of 10 MB":              outer("a", strings.Repeat("9", 10_000_000)+":"),
		"a million empty files":          []byte(million),
		"files without end":              bytes.Repeat([]byte("d5:files"), 1_000_000),
		"200,000 files":                  manyFilesTorrent(200_000),
		"3 million empty strings":        outer("a", "l"+strings.Repeat("0:", 2_999_000)+"e"),
		"a path of a million parts":      torrent(v1Info(files(tt.Dict{"length": 5, "path": tt.Raw("l" + strings.Repeat("1:a", 1_000_000) + "e")}))),
		"500,000 duplicate keys":         outer("a", "d"+strings.Repeat("1:a1:b", 500_000)+"e"),
		"500,000 duplicate outer keys":   []byte("d" + strings.Repeat("8:announce0:", 500_000) + "4:info" + string(tt.Bencode(v1Info(nil))) + "e"),
		"500,000 duplicate info keys":    []byte("d4:infod" + strings.Repeat("4:name1:x", 500_000) + string(tt.Bencode(v1Info(nil))[1:]) + "e"),
		"100,000 layers of no file":      tt.Bencode(tt.Dict{"info": v2Info(nil), "piece layers": roots}),
		"a large layer for many files":   tt.Bencode(tt.Dict{"info": v2Info(tree(dirs)), "piece layers": tt.Dict{root: layer}}),
		"half a million of `d0:d0:` ...": []byte("d4:infod9:file treed1:x" + strings.Repeat("d0:", 500_000)),
		"a million directories": torrent(v2Info(tt.Dict{"file tree": tt.Raw("d" + manyDirs(700_000) + "1:x" +
			string(tt.Bencode(leaf(5))) + "e")})),
		"names of 10 MB": torrent(v1Info(tt.Dict{"name": strings.Repeat("\x00", 10_000_000)})),
	}
}

func manyDirs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "8:%08dde", i)
	}
	return b.String()
}

func manyFilesTorrent(n int) []byte {
	list := "l" + strings.Repeat("d6:lengthi1e4:pathl1:aee", n) + "e"
	return torrent(v1Info(tt.Dict{"length": nil, "files": tt.Raw(list), "pieces": hashes((n + 16383) / 16384)}))
}

// Parse allocates at most 16 KiB more than the length of its input, for any input. The time of the
// test shows that Parse is quick too: no torrent here takes a tenth of a second.
func TestHostileInputIsCheap(t *testing.T) {
	for name, b := range hostileTorrents() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			torrent, err := metainfo.Parse(b)
			runtime.ReadMemStats(&after)
			if spent, most := after.TotalAlloc-before.TotalAlloc, uint64(len(b)+16384); spent > most {
				t.Errorf("%d bytes were allocated for %d", spent, len(b))
			}
			if err != nil && len(err.Error()) > 200 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
			if torrent != nil {
				torrent.Describe()
				torrent.Files(0, 10)
			}
		})
	}
}

func TestScanAndParseAllocateOnlyTheTorrent(t *testing.T) {
	for kind, b := range map[string][]byte{"20 KB": tt.Random(1, 20_000), "1000 files": manyFilesTorrent(1000)} {
		if n := testing.AllocsPerRun(100, func() { mustParse(t, b) }); n > 1 {
			t.Errorf("%s: %v allocations, want 1", kind, n)
		}
	}
}
