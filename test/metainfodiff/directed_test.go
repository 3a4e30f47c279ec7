//go:build e2e

package metainfodiff

import (
	"fmt"
	"slices"
	"strings"

	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// with returns the dictionary with more keys. A nil value removes a key.
func with(d tt.Dict, more tt.Dict) tt.Dict {
	out := tt.Dict{}
	for _, m := range []tt.Dict{d, more} {
		for k, v := range m {
			out[k] = v
		}
	}
	for k, v := range out {
		if v == nil {
			delete(out, k)
		}
	}
	return out
}

func v1Info(more tt.Dict) tt.Dict {
	return with(tt.Dict{"name": "x", "piece length": 16384, "pieces": strings.Repeat("h", 20), "length": 5}, more)
}

func v2Info(more tt.Dict) tt.Dict {
	return with(tt.Dict{"name": "x", "piece length": 16384, "meta version": 2, "file tree": tt.Dict{"x": leaf(5, 1)}}, more)
}

func leaf(length any, root byte) tt.Dict {
	return tt.Dict{"": tt.Dict{"length": length, "pieces root": strings.Repeat("r", 31) + string(rune(root))}}
}

func file(length any, path ...any) tt.Dict { return tt.Dict{"length": length, "path": tt.List(path)} }

func torrent(info tt.Dict) []byte { return tt.Bencode(tt.Dict{"info": info}) }

// directed returns torrents at the limits of the rules, which random torrents seldom reach.
func directed() [][]byte {
	var all [][]byte
	for _, cases := range [][][]byte{directedClasses(), directedLimits(), directedNumbers(), directedNames(), directedTrees(), directedHybrids()} {
		all = append(all, cases...)
	}
	return all
}

// directedClasses has one torrent for each intended difference.
func directedClasses() [][]byte {
	layer := strings.Repeat("p", 64)
	root := string(tt.MerkleRoot([]byte(layer), 16384))
	two := v2Info(tt.Dict{"file tree": tt.Dict{"x": tt.Dict{"": tt.Dict{"length": 20000, "pieces root": root}}}})
	layers := func(entries string) []byte {
		return tt.Bencode(tt.Dict{"info": two, "piece layers": tt.Raw("d" + entries + "e")})
	}
	entry := func(hashes string) string { return string(tt.Bencode(root)) + string(tt.Bencode(hashes)) }
	return [][]byte{
		append(torrent(v1Info(nil)), "garbage"...),
		append(torrent(v1Info(nil)), " \t\r\n"...),
		tt.Bencode(tt.Pairs{{Key: "info", Value: v1Info(nil)}, {Key: "info", Value: v1Info(nil)}}),
		tt.Bencode(tt.Pairs{{Key: "info", Value: "no dictionary"}, {Key: "info", Value: v1Info(nil)}}),
		tt.Bencode(tt.Pairs{{Key: "info", Value: two}, {Key: "piece layers", Value: tt.Dict{}}, {Key: "piece layers", Value: tt.Dict{}}}),
		torrent(v1Info(tt.Dict{"piece length": 536870912})),
		layers(entry(layer)),
		layers(entry(strings.Repeat("q", 64))),
		layers(entry(layer) + entry("short")),
		layers(entry(layer) + entry(strings.Repeat("p", 32))),
		torrent(v1Info(tt.Dict{"length": nil, "files": tt.List{file(5, "a"), file(tt.Raw("i99999999999999999999e"), "b")}})),
		torrent(v1Info(tt.Dict{"private": tt.Raw("i99999999999999999999e")})),
		torrent(v2Info(tt.Dict{"meta version": 1<<32 + 2})),
		torrent(v1Info(tt.Dict{"meta version": 1<<32 + 1})),
		torrent(v2Info(tt.Dict{"z": tt.Raw("i-0e")})),
		torrent(v2Info(tt.Dict{"files": tt.List{}})),
		tt.Bencode(tt.Dict{"magnet-uri": "magnet:?xt=urn:btih:" + strings.Repeat("a", 40)}),
		torrent(v2Info(tt.Dict{"files": tt.List{file(5, "/x")}, "pieces": strings.Repeat("h", 20)})),
		torrent(v1Info(tt.Dict{"name": ".."})),
	}
}

func directedLimits() [][]byte {
	var all [][]byte
	nested := func(depth int, inside string) []byte {
		return tt.Bencode(tt.Dict{"info": v1Info(nil), "z": tt.Raw(strings.Repeat("l", depth) + inside + strings.Repeat("e", depth))})
	}
	for depth := 96; depth <= 101; depth++ {
		all = append(all, nested(depth, ""), nested(depth, "i1e"), nested(depth, "de"))
	}
	const around = 3_000_000 - 16
	for n := around - 2; n <= around+2; n++ {
		all = append(all, tt.Bencode(tt.Dict{"info": v1Info(nil), "z": tt.Raw("l" + strings.Repeat("0:", n) + "e")}))
	}
	for n := 1<<21 - 1; n <= 1<<21+1; n++ {
		all = append(all, torrent(v1Info(tt.Dict{"piece length": 1, "length": n, "pieces": strings.Repeat("h", 20*n)})))
	}
	for digits := 14; digits <= 19; digits++ {
		all = append(all, tt.Bencode(tt.Dict{"info": v1Info(nil), "z": tt.Raw(fmt.Sprintf("%0*d:x", digits, 1))}))
	}
	all = append(all, []byte("d"), []byte("de"), []byte("le"), []byte("i1e"), []byte("d4:info"), []byte("d1:a"), []byte("d1:ae"), []byte("1"),
		[]byte("99999999999:"), []byte("d99999999999:"), []byte(strings.Repeat("d1:a", 1_000_000)), []byte(strings.Repeat("l", 1_000_000)),
		[]byte("di"+strings.Repeat("1", 1_000_000)+"ee"))
	return all
}

func directedNumbers() [][]byte {
	var all [][]byte
	for _, n := range oddIntegers {
		all = append(all, torrent(v1Info(tt.Dict{"length": n})), torrent(v1Info(tt.Dict{"meta version": n})), torrent(v2Info(tt.Dict{"meta version": n})),
			torrent(v1Info(tt.Dict{"z": n})), torrent(v2Info(tt.Dict{"file tree": tt.Dict{"x": leaf(n, 1)}})),
			torrent(v2Info(tt.Dict{"piece length": n})), torrent(v1Info(tt.Dict{"private": n})))
	}
	for _, n := range []int{1, 3, 5, 16384, 536854528, 536854529, 536870912, 1<<30 - 1, 1 << 30} {
		all = append(all, torrent(v1Info(tt.Dict{"piece length": n, "pieces": strings.Repeat("h", 20*((5+n-1)/n))})))
	}
	const most, great = 17592186028031, 536854528
	for _, last := range []int64{0, 495615, 495616, 495617, most, most + 1} {
		var list tt.List
		tree := tt.Dict{}
		total := last
		for i := range 16 {
			list = append(list, file(most, fmt.Sprint("f", i)))
			tree[fmt.Sprint("f", i)] = leaf(most, 1)
			total += most
		}
		tree["g"] = leaf(last, 2)
		all = append(all, torrent(v2Info(tt.Dict{"piece length": 1 << 28, "file tree": tree})),
			torrent(v1Info(tt.Dict{"piece length": great, "length": nil, "files": append(list, file(last, "g")),
				"pieces": strings.Repeat("h", 20*int((total+great-1)/great))})),
			torrent(v1Info(tt.Dict{"piece length": great, "length": last, "pieces": strings.Repeat("h", 20*int((last+great-1)/great))})))
	}
	return all
}

func directedNames() [][]byte {
	var all [][]byte
	for _, name := range append(slices.Clone(oddStrings), 5, tt.List{}) {
		all = append(all,
			torrent(v1Info(tt.Dict{"name": name})),
			torrent(v1Info(tt.Dict{"name.utf-8": name})),
			torrent(v1Info(tt.Dict{"name": name, "length": nil, "files": tt.List{file(5, "a")}})),
			torrent(v1Info(tt.Dict{"length": nil, "files": tt.List{file(5, name)}})),
			torrent(v1Info(tt.Dict{"length": nil, "files": tt.List{tt.Dict{"length": 5, "path": tt.List{"a"}, "path.utf-8": name}}})),
			torrent(v1Info(tt.Dict{"length": nil, "files": tt.List{with(file(5, "a"), tt.Dict{"attr": "p", "path": name})}})),
			torrent(v2Info(tt.Dict{"name": name})))
		if s, ok := name.(string); ok {
			all = append(all, torrent(v2Info(tt.Dict{"file tree": tt.Dict{s: leaf(5, 1)}})),
				torrent(v2Info(tt.Dict{"file tree": tt.Dict{s: leaf(5, 1), "y": leaf(5, 2)}})),
				torrent(v2Info(tt.Dict{"file tree": tt.Dict{s: leaf(5, 1)}, "name": s, "length": 5, "pieces": strings.Repeat("h", 20)})))
		}
	}
	return all
}

func directedTrees() [][]byte {
	var all [][]byte
	for _, tree := range []any{
		tt.Dict{}, tt.List{}, "x", tt.Dict{"y": tt.Dict{}}, tt.Dict{"x": leaf(5, 1), "y": tt.Dict{}}, tt.Dict{"": tt.Dict{"length": 5}},
		tt.Dict{"x": tt.Dict{"": 5}}, tt.Dict{"x": 5}, tt.Dict{"x": leaf(0, 1)}, tt.Dict{"x": leaf(5, 1), "y": leaf(0, 0)},
		tt.Dict{"x": tt.Dict{"": tt.Dict{"length": 5}}}, tt.Dict{"x": tt.Dict{"": tt.Dict{"length": 5, "pieces root": strings.Repeat("\x00", 32)}}},
		tt.Dict{"x": tt.Dict{"": tt.Dict{"length": 5, "pieces root": "short"}}}, tt.Dict{"x": with(leaf(5, 1), tt.Dict{"y": leaf(5, 2)})},
		tt.Dict{"x": leaf(5, 1), "y": tt.Dict{"": tt.Dict{"attr": "l", "symlink path": tt.List{"x"}}}},
		tt.Dict{"x": leaf(5, 1), "y": tt.Dict{"": tt.Dict{"attr": "l", "symlink path": tt.List{5}}}},
		tt.Dict{"x": leaf(5, 1), "y": tt.Dict{"": tt.Dict{"attr": "l", "symlink path": "x"}}},
		tt.Dict{"x": leaf(5, 1), "y": tt.Dict{"": tt.Dict{"attr": "p", "length": 5}}},
	} {
		all = append(all, torrent(v2Info(tt.Dict{"file tree": tree})), torrent(v1Info(tt.Dict{"file tree": tree})))
	}
	for depth := 90; depth < 100; depth++ {
		tree := leaf(5, 1)
		for range depth {
			tree = tt.Dict{"d": tree}
		}
		all = append(all, torrent(v2Info(tt.Dict{"file tree": tree})))
	}
	for _, entry := range []tt.Raw{"3:abc0:", "32:" + "abcdefghijklmnopabcdefghijklmnop" + "0:", "32:" + "abcdefghijklmnopabcdefghijklmnop" + "le",
		"32:" + "abcdefghijklmnopabcdefghijklmnop" + "31:" + "abcdefghijklmnopabcdefghijklmno"} {
		all = append(all, tt.Bencode(tt.Dict{"info": v2Info(nil), "piece layers": "d" + entry + "e"}))
	}
	return all
}

func directedHybrids() [][]byte {
	pad := func(n int) tt.Dict { return with(file(n, ".pad", fmt.Sprint(n)), tt.Dict{"attr": "p"}) }
	link := tt.Dict{"attr": "l", "symlink path": tt.List{"x"}}
	x, y, e := file(5, "x"), file(7, "y"), file(0, "e")
	tree := tt.Dict{"x": leaf(5, 1), "y": leaf(7, 2)}
	withEmpty := with(tree, tt.Dict{"z": leaf(0, 3)})
	empty := file(0, "z")
	var all [][]byte
	add := func(tree tt.Dict, pieces int, files ...any) {
		more := tt.Dict{"file tree": tree, "files": tt.List(files), "pieces": strings.Repeat("h", 20*pieces)}
		all = append(all, torrent(v2Info(more)), torrent(v2Info(with(more, tt.Dict{"pieces": nil}))))
	}
	add(tree, 2, x, pad(16379), y)
	add(tree, 2, x, pad(16379), y, pad(16377))
	add(tree, 2, x, pad(16379), y, pad(16376))
	add(tree, 1, x, y)
	add(tree, 2, x, pad(16000), pad(379), y)
	add(tree, 2, y, pad(16377), x)
	add(tree, 2, x, file(16379, "filler"), y)
	add(tree, 2, x, file(16379, "_____padding_file_0_"), y)
	add(tree, 2, x, tt.Dict{"length": 16379, "attr": "p"}, y)
	add(tree, 2, pad(16384), x, pad(16379), y)
	add(withEmpty, 2, x, pad(16379), y, empty)
	add(withEmpty, 2, x, pad(16379), y, pad(16377), empty)
	add(withEmpty, 2, x, pad(16379), y, empty, pad(16377))
	add(withEmpty, 2, x, pad(16379), y, pad(16377))
	add(with(tree, tt.Dict{"e": leaf(0, 3)}), 2, file(0, "other"), x, pad(16379), y)
	add(with(tree, tt.Dict{"e": leaf(0, 3)}), 2, e, x, pad(16379), y)
	add(tt.Dict{"x": leaf(5, 1)}, 1, x)
	add(tt.Dict{"x": leaf(5, 1)}, 1, x, pad(16379))
	add(tt.Dict{"x": leaf(5, 1)}, 2, x, pad(16379), pad(16384))
	add(tt.Dict{"d": tt.Dict{"x": leaf(5, 1)}}, 1, file(5, "d", "x"))
	add(tt.Dict{"a": leaf(16384, 1), "b": leaf(5, 2)}, 2, file(16384, "a"), file(5, "b"))
	add(tt.Dict{"a": leaf(16384, 1), "b": leaf(5, 2)}, 2, file(16384, "a"), pad(0), file(5, "b"))
	add(tt.Dict{"x": leaf(5, 1), "z": tt.Dict{"": link}}, 1, x, with(file(9, "z"), link))
	add(tt.Dict{"x": leaf(5, 1), "z": tt.Dict{"": link}}, 1, x, pad(16379), with(file(9, "z"), link))
	add(tt.Dict{"x": leaf(5, 1), "z": tt.Dict{"": link}}, 1, x, pad(16379))
	single := tt.Dict{"length": 5, "pieces": strings.Repeat("h", 20)}
	for _, more := range []tt.Dict{nil, {"name": "y"}, {"length": 6}, {"length": "5"}, {"attr": "p"}, {"files": 5}, {"file tree": tt.Dict{"d": tt.Dict{"x": leaf(5, 1)}}},
		{"file tree": tt.Dict{"a": tt.Dict{}, "x": leaf(5, 1)}}, {"file tree": tt.Dict{"a": leaf(0, 1), "x": leaf(5, 1)}}, {"name.utf-8": "z"}} {
		all = append(all, torrent(v2Info(with(single, more))))
	}
	return all
}
