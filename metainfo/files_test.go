package metainfo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/torrentcache/torrentcache/metainfo"
	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func TestFiles(t *testing.T) {
	root := strings.Repeat("r", 32)
	link := tt.Dict{"attr": "l", "symlink path": tt.List{"d", "a"}}
	pad := with(file(16379, ".pad", "16379"), tt.Dict{"attr": "p"})
	tree := tt.Dict{"d": tt.Dict{"a": leaf(5), "l": tt.Dict{"": link}}, "e": tt.Dict{"": tt.Dict{"length": 7, "attr": "x", "pieces root": root}}}
	ofTree := []metainfo.File{
		{Path: []string{"d", "a"}, Length: 5, PiecesRoot: []byte(root)},
		{Path: []string{"d", "l"}, Attr: "l", SymlinkPath: []string{"d", "a"}},
		{Path: []string{"e"}, Length: 7, Attr: "x", PiecesRoot: []byte(root)},
	}
	tests := []struct {
		name string
		info tt.Dict
		want []metainfo.File
	}{
		{"v1, one file", v1Info(tt.Dict{"attr": "x"}), []metainfo.File{{Path: []string{"x"}, Length: 5, Attr: "x"}}},
		{"v1, pads and links", v1Info(with(files(file(5, "d", "a"), pad, with(file(9, "l"), link)), tt.Dict{"pieces": hashes(1)})), []metainfo.File{
			{Path: []string{"d", "a"}, Length: 5},
			{Path: []string{".pad", "16379"}, Length: 16379, Attr: "p", Pad: true},
			{Path: []string{"l"}, Attr: "l", SymlinkPath: []string{"d", "a"}},
		}},
		{"v1, path.utf-8 goes first", v1Info(files(with(file(5, "a"), tt.Dict{"path.utf-8": tt.List{"ä"}}))),
			[]metainfo.File{{Path: []string{"ä"}, Length: 5}}},
		{"v1, a pad without path", v1Info(files(file(5, "a"), tt.Dict{"length": 1, "attr": "p"})),
			[]metainfo.File{{Path: []string{"a"}, Length: 5}, {Length: 1, Attr: "p", Pad: true}}},
		{"v1, any bytes", v1Info(files(file(5, "..", "\x00\r\n\xff/"))), []metainfo.File{{Path: []string{"..", "\x00\r\n\xff/"}, Length: 5}}},
		{"v2", v2Info(tt.Dict{"file tree": tree}), ofTree},
		{"hybrid, as its tree", hybrid(tree, 2, file(5, "d", "a"), pad, with(file(0, "d", "l"), link), file(7, "e")), ofTree},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			torrent := mustParse(t, torrent(test.info))
			if diff := cmp.Diff(test.want, torrent.Files(0, 100)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got := torrent.Describe().FileCount; got != len(test.want) {
				t.Errorf("file count %d, want %d", got, len(test.want))
			}
		})
	}
}

func TestFilesByPage(t *testing.T) {
	var list []tt.File
	for i := range 25 {
		list = append(list, tt.File{Path: fmt.Sprintf("d%d/f%02d", i/10, i), Data: tt.Data(uint64(i), 100)})
	}
	for kind, b := range map[string][]byte{"v1": tt.V1("x", list...), "v2": tt.V2("x", list...), "hybrid": tt.Hybrid("x", list...)} {
		t.Run(kind, func(t *testing.T) {
			torrent := mustParse(t, b)
			all := torrent.Files(0, 1<<30)
			if len(all) != 25 {
				t.Fatalf("%d files, want 25", len(all))
			}
			var paged []metainfo.File
			for start := 0; start < len(all); start += 7 {
				paged = append(paged, torrent.Files(start, 7)...)
			}
			if diff := cmp.Diff(all, paged); diff != "" {
				t.Errorf("pages differ from the whole, -want +got:\n%s", diff)
			}
			for _, none := range [][2]int{{25, 1}, {1 << 40, 1}, {-1, 5}, {0, 0}, {0, -1}} {
				if got := torrent.Files(none[0], none[1]); len(got) != 0 {
					t.Errorf("Files(%d, %d) has %d files, want none", none[0], none[1], len(got))
				}
			}
		})
	}
}

// The torrents that torrenttest builds describe the payloads that they were built from.
func TestBuiltTorrents(t *testing.T) {
	payload := []tt.File{
		{Path: "a", Data: tt.Data(1, 100_000)},
		{Path: "d/b", Data: tt.Data(2, tt.PieceLength), Attr: "x"},
		{Path: "d/c"},
		{Path: "e", Data: tt.Data(3, 2*tt.PieceLength)},
	}
	for kind, b := range map[string][]byte{"v1": tt.V1("x", payload...), "v2": tt.V2("x", payload...), "hybrid": tt.Hybrid("x", payload...)} {
		t.Run(kind, func(t *testing.T) {
			torrent := mustParse(t, b)
			if torrent.MissingPieceLayers() {
				t.Error("piece layers are missing")
			}
			type file struct { // a tt.File with no data: to compare megabytes takes long
				Path   string
				Length int64
				Attr   string
			}
			var got []file
			for _, f := range torrent.Files(0, 100) {
				if !f.Pad {
					got = append(got, file{strings.Join(f.Path, "/"), f.Length, f.Attr})
				}
			}
			var want []file
			size := 0
			for _, f := range payload {
				want = append(want, file{f.Path, int64(len(f.Data)), f.Attr})
				size += len(f.Data)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if torrent.TotalSize() != int64(size) {
				t.Errorf("total size %d, want %d", torrent.TotalSize(), size)
			}
		})
	}
}

func TestRandomTorrents(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(20) {
		b := tt.Random(seed, 20_000)
		seen[mustParse(t, b).IDs().Primary().String()] = true
		if len(b) < 19_000 || len(b) > 21_000 {
			t.Errorf("%d bytes, want about 20,000", len(b))
		}
	}
	if len(seen) != 20 {
		t.Errorf("%d different torrents, want 20", len(seen))
	}
}
