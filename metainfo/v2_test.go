package metainfo_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo"
	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func tree(t tt.Dict) tt.Dict { return tt.Dict{"file tree": t} }

func TestAcceptedV2(t *testing.T) {
	link := tt.Dict{"": tt.Dict{"attr": "l", "symlink path": tt.List{"x"}}}
	tests := []struct {
		name string
		info tt.Dict
		size int64
	}{
		{"one file", v2Info(nil), 5},
		{"files in directories", v2Info(tree(tt.Dict{"a": leaf(5), "d": tt.Dict{"b": leaf(6), "c": leaf(7)}})), 18},
		{"an empty directory", v2Info(tree(tt.Dict{"a": leaf(5), "d": tt.Dict{}})), 5},
		{"an empty file without root", v2Info(tree(tt.Dict{"a": leaf(5), "b": tt.Dict{"": tt.Dict{"length": 0}}})), 5},
		{"a symbolic link", v2Info(tree(tt.Dict{"a": leaf(5), "b": link})), 5},
		{"95 directories", v2Info(tree(nested(95))), 5},
		{"an empty name", v2Info(tt.Dict{"name": ""}), 5},
		{"hostile names", v2Info(tree(tt.Dict{"..": leaf(5), "a\x00\r\n": leaf(6)})), 11},
		{"pieces without v1 files", v2Info(tt.Dict{"pieces": hashes(1)}), 5},
		{"pieces that are no string", v2Info(tt.Dict{"pieces": 5}), 5},
		{"the greatest length", v2Info(with(tree(tt.Dict{"x": leaf(metainfo.MaxFileLength)}), tt.Dict{"piece length": 1 << 28})), metainfo.MaxFileLength},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustParse(t, torrent(test.info))
			if ids := got.IDs(); got.TotalSize() != test.size || !ids.V1.IsZero() || ids.V2.IsZero() {
				t.Errorf("total size %d and ids %v, want %d and v2 only", got.TotalSize(), ids, test.size)
			}
		})
	}
}

// nested returns a file below depth directories.
func nested(depth int) tt.Dict {
	t := tt.Dict{"x": leaf(5)}
	for range depth - 1 {
		t = tt.Dict{"d": t}
	}
	return t
}

func TestRefusedV2(t *testing.T) {
	entry := func(d tt.Dict) tt.Dict { return tree(tt.Dict{"x": tt.Dict{"": d}}) }
	tests := []struct {
		name string
		info tt.Dict
		rule string
	}{
		{"no file tree", v2Info(tt.Dict{"file tree": nil}), "`meta version` is 2, yet `info` has no dictionary `file tree`"},
		{"a list as file tree", v2Info(tt.Dict{"file tree": tt.List{}}), "no dictionary `file tree`"},
		{"an empty file tree", v2Info(tree(tt.Dict{})), "`file tree` has no files"},
		{"only an empty directory", v2Info(tree(tt.Dict{"d": tt.Dict{}})), "`file tree` has no files"},
		{"an empty name", v2Info(tree(tt.Dict{"": tt.Dict{"length": 5}})), "a name in `file tree` is empty"},
		{"a file that is a directory too", v2Info(tree(tt.Dict{"x": with(leaf(5), tt.Dict{"y": leaf(5)})})), "a name in `file tree` is empty"},
		{"an integer as an entry", v2Info(tree(tt.Dict{"x": 5})), "an entry of `file tree` is no dictionary"},
		{"an integer as a file", v2Info(tree(tt.Dict{"x": tt.Dict{"": 5}})), "a file in `file tree` is no dictionary"},
		{"no length", v2Info(entry(tt.Dict{})), "no integer `length`"},
		{"no root", v2Info(entry(tt.Dict{"length": 5})), "no `pieces root` of 32 bytes"},
		{"a short root", v2Info(entry(tt.Dict{"length": 5, "pieces root": "short"})), "no `pieces root` of 32 bytes"},
		{"a root of zeros", v2Info(entry(tt.Dict{"length": 5, "pieces root": strings.Repeat("\x00", 32)})), "`pieces root` is all zeros"},
		{"a pad file", v2Info(entry(tt.Dict{"length": 5, "attr": "p"})), "marked as a pad file"},
		{"nothing but an empty file", v2Info(tree(tt.Dict{"x": leaf(0)})), "no content"},
		{"a length too great", v2Info(tree(tt.Dict{"x": leaf(metainfo.MaxFileLength + 1)})), "`length` is not between"},
		{"piece length of 8 KiB", v2Info(tt.Dict{"piece length": 8192}), "is 8192, want a power of two of at least 16384"},
		{"piece length no power of two", v2Info(tt.Dict{"piece length": 3 * 16384}), "want a power of two"},
		{"96 directories", v2Info(tree(nested(96))), "nested 100 deep"},
		{"pieces of another number", v2Info(tt.Dict{"pieces": hashes(2)}), "`pieces` is 40 bytes long"},
		{"a key twice", v2Info(tt.Dict{"zz": tt.Raw("i1e2:zzi1e")}), "has this key twice"},
		{"unsorted keys", v2Info(tt.Dict{"zz": tt.Raw("i1e2:aai1e")}), "the keys of a v2 torrent are sorted"},
		{"unsorted keys deep inside", v2Info(tt.Dict{"zz": tt.Raw("ld1:bi1e1:ai1eee")}), "are sorted"},
		{"leading zeros of an integer", v2Info(tt.Dict{"zz": tt.Raw("i01e")}), "leading zeros or is minus zero"},
		{"minus zero", v2Info(tt.Dict{"zz": tt.Raw("i-0e")}), "leading zeros or is minus zero"},
		{"leading zeros of a length", v2Info(tt.Dict{"zz": tt.Raw("01:a")}), "the length of the string has leading zeros"},
		{"unsorted keys at meta version 1", v1Info(tt.Dict{"meta version": 1, "zz": tt.Raw("i1e2:aai1e")}), "are sorted"},
		{"a meta version that a cast would make 2", v2Info(tt.Dict{"meta version": 1<<32 + 2}), "`meta version` is not 1 or 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { checkRefused(t, torrent(test.info), test.rule) })
	}
}

// hybrid returns a v2 torrent with these v1 files besides.
func hybrid(t tt.Dict, pieces int, list ...any) tt.Dict {
	return v2Info(tt.Dict{"file tree": t, "files": tt.List(list), "pieces": hashes(pieces)})
}

func TestHybrid(t *testing.T) {
	pad := func(n int, path ...any) tt.Dict { return with(file(n, path...), tt.Dict{"attr": "p"}) }
	const gap = 16384 - 5
	two := tt.Dict{"x": leaf(5), "y": leaf(7)}
	x, y, between := file(5, "x"), file(7, "y"), pad(gap, ".pad", "0")
	differ := "the files that v1 and v2 describe differ"
	tests := []struct {
		name string
		info tt.Dict
		rule string // "" if accepted
	}{
		{"both agree", hybrid(two, 2, x, between, y), ""},
		{"a pad at the end", hybrid(two, 2, x, between, y, pad(16384-7, ".pad", "1")), ""},
		{"a pad at the end that is too short", hybrid(two, 2, x, between, y, pad(16384-8, ".pad", "1")), differ},
		{"a pad of another name", hybrid(two, 2, x, pad(gap, "filler"), y), ""},
		{"a pad without path", hybrid(two, 2, x, tt.Dict{"attr": "p", "length": gap}, y), ""},
		{"no pads", hybrid(two, 1, x, y), differ},
		{"a file in a pad's place", hybrid(two, 2, x, file(gap, "z"), y), differ + " at file 2 of v1"},
		{"two pads for one", hybrid(two, 2, x, pad(gap-9, "a"), pad(9, "b"), y), differ},
		{"another order", hybrid(two, 2, y, pad(16384-7, "p"), x), differ},
		{"another name", hybrid(two, 2, x, between, file(7, "Y")), differ + " at file 3 of v1"},
		{"another directory", hybrid(two, 2, x, between, file(7, "d", "y")), differ},
		{"another length", hybrid(two, 2, x, between, file(8, "y")), differ},
		{"another attribute", hybrid(two, 2, with(x, tt.Dict{"attr": "x"}), between, y), ""},
		{"an empty file of another name", hybrid(with(two, tt.Dict{"a": leaf(0)}), 2, file(0, "b"), x, between, y), ""},
		{"an empty file only in v2", hybrid(with(two, tt.Dict{"a": leaf(0)}), 2, x, between, y), differ},
		{"a pad in an empty file's place", hybrid(tt.Dict{"x": leaf(5), "z": leaf(0)}, 1, x, pad(gap, "p")), differ},
		{"no v1 files", hybrid(two, 2), "`files` is empty"},
		{"no pieces", with(hybrid(two, 2, x, between, y), tt.Dict{"pieces": nil}), ""},
		{"one file", v2Info(tt.Dict{"length": 5, "pieces": hashes(1)}), ""},
		{"one file of another name", v2Info(tt.Dict{"length": 5, "pieces": hashes(1), "name": "y"}), differ},
		{"one file in a directory", v2Info(with(tree(tt.Dict{"d": tt.Dict{"x": leaf(5)}}), tt.Dict{"length": 5, "pieces": hashes(1)})), differ},
		{"one file beside an empty directory", v2Info(with(tree(tt.Dict{"d": tt.Dict{}, "x": leaf(5)}), tt.Dict{"length": 5, "pieces": hashes(1)})), differ},
		{"a length that is no integer", v2Info(tt.Dict{"length": "5", "pieces": hashes(1)}), "no integer `length`"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.rule != "" {
				checkRefused(t, torrent(test.info), test.rule)
				return
			}
			if ids := mustParse(t, torrent(test.info)).IDs(); ids.V1.IsZero() || ids.V2.IsZero() {
				t.Errorf("ids %v, want v1 and v2", ids)
			}
		})
	}
}

func TestPieceLayers(t *testing.T) {
	layer := string(tt.Data(1, 3*32))
	root := string(tt.MerkleRoot([]byte(layer), 16384))
	info := v2Info(tree(tt.Dict{"x": tt.Dict{"": tt.Dict{"length": 40_000, "pieces root": root}}}))
	other := strings.Repeat("o", 32)
	raw := func(keyValues ...string) tt.Raw {
		var b bytes.Buffer
		for _, s := range keyValues {
			b.Write(tt.Bencode(s))
		}
		return tt.Raw("d" + b.String() + "e")
	}
	tests := []struct {
		name    string
		layers  any
		rule    string // "" if accepted
		missing bool
	}{
		{"verified", tt.Dict{root: layer}, "", false},
		{"no key", nil, "", true},
		{"no entry", tt.Dict{}, "", true},
		{"no dictionary", "x", "", true},
		{"an entry of no file", tt.Dict{root: layer, other: other}, "", false},
		{"only an entry of no file", tt.Dict{other: other}, "", true},
		{"a changed hash", tt.Dict{root: other + layer[32:]}, "the piece layer does not hash to the file's `pieces root`", false},
		{"too few hashes", tt.Dict{root: layer[32:]}, "the piece layer is 64 bytes long, want 32 bytes for each of the file's 3 pieces, 96", false},
		{"part of a hash", tt.Dict{root: layer + "x"}, "an entry of `piece layers` is not a root of 32 bytes", false},
		{"a key of 31 bytes", tt.Dict{root[1:]: layer}, "an entry of `piece layers` is not a root of 32 bytes", false},
		{"an integer", tt.Dict{root: 5}, "an entry of `piece layers`", false},
		{"the same entry twice", raw(root, layer, root, layer), "", false},
		{"a good and a bad entry", raw(root, layer, root, other), "the piece layer is 32 bytes long", false},
		{"unsorted", raw(strings.Repeat("\xff", 32), other, root, layer, "\x00"+other[1:], other), "", false},
		{"twice", tt.Raw("de12:piece layersde"), "a second `piece layers`", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := tt.Bencode(with(tt.Dict{"info": info, "piece layers": test.layers}, tt.Dict{}))
			if test.rule != "" {
				checkRefused(t, b, test.rule)
			} else if got := mustParse(t, b).MissingPieceLayers(); got != test.missing {
				t.Errorf("missing %v, want %v", got, test.missing)
			}
		})
	}
}

// Layers of every number of pieces up to a few powers of two, against the plain
// implementation that makes the test torrents.
func TestPieceLayersOfEverySize(t *testing.T) {
	for _, pieceLength := range []int{16384, 65536} {
		for pieces := 2; pieces <= 35; pieces++ {
			layer := tt.Data(uint64(pieces), 32*pieces)
			root := string(tt.MerkleRoot(layer, pieceLength))
			info := v2Info(with(tree(tt.Dict{"x": tt.Dict{"": tt.Dict{"length": pieces*pieceLength - 1, "pieces root": root}}}),
				tt.Dict{"piece length": pieceLength}))
			mustParse(t, tt.Bencode(tt.Dict{"info": info, "piece layers": tt.Dict{root: layer}}))
			layer[len(layer)-1] ^= 1
			checkRefused(t, tt.Bencode(tt.Dict{"info": info, "piece layers": tt.Dict{root: layer}}), "does not hash")
		}
	}
}

// A layer that many files share is good for all of them, and is not hashed once
// for each: a hostile torrent could name a layer of megabytes ten thousand
// times. TestHostileInputIsCheap does.
func TestSharedPieceLayer(t *testing.T) {
	layer := tt.Data(1, 32*100_000)
	root := string(tt.MerkleRoot(layer, 16384))
	shared := tt.Dict{"": tt.Dict{"length": 100_000 * 16384, "pieces root": root}}
	dirs := tt.Dict{}
	for i := range 20 {
		dirs[string(rune('a'+i))] = shared
	}
	got := mustParse(t, tt.Bencode(tt.Dict{"info": v2Info(tree(dirs)), "piece layers": tt.Dict{root: layer}}))
	if got.MissingPieceLayers() {
		t.Error("layers are missing")
	}
}
