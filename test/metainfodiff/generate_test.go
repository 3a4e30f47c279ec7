package metainfodiff

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// model is a torrent before it is encoded. Mutations change the model or its bytes.
type model struct {
	outer tt.Dict
	info  tt.Dict // also in outer, under "info"
}

func (m *model) encode() []byte { return tt.Bencode(m.outer) }

// payload is a file of a generated torrent.
type payload struct {
	dirs   []string
	name   string
	length int64
	attr   string
}

// generator makes torrents of all three kinds. They depend only on its random numbers.
type generator struct{ *rand.Rand }

func (g generator) chance(oneIn int) bool { return g.IntN(oneIn) == 0 }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) bytes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return string(b)
}

// model returns a well-formed torrent of a random kind.
func (g generator) model() *model {
	pieceLength := int64(16<<10) << g.IntN(4)
	files, single := g.files(pieceLength)
	info := tt.Dict{"name": g.name(), "piece length": pieceLength}
	if single {
		info["name"] = files[0].name
	}
	m := &model{outer: tt.Dict{"info": info}, info: info}
	switch g.IntN(3) {
	case 0:
		g.addV1(info, files, single, pieceLength)
	case 1:
		g.addV2(m, files, pieceLength)
	default:
		g.addV2(m, files, pieceLength)
		g.addV1(info, g.pad(files, single, pieceLength), single, pieceLength)
	}
	g.addExtras(m)
	return m
}

func (g generator) files(pieceLength int64) (files []payload, single bool) {
	if g.chance(3) {
		return []payload{{name: g.name(), length: 1 + g.length(pieceLength)}}, true
	}
	for range 1 + g.IntN(6) {
		f := payload{name: g.name(), length: g.length(pieceLength), attr: pick(g, "", "", "", "x", "h", "l", "xl")}
		for range g.IntN(3) {
			f.dirs = append(f.dirs, pick(g, "a", "b", "dir"))
		}
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b payload) int { return slices.Compare(a.path(), b.path()) })
	return slices.CompactFunc(files, func(a, b payload) bool { return slices.Equal(a.path(), b.path()) }), false
}

func (f payload) path() []string { return append(slices.Clone(f.dirs), f.name) }

func (g generator) length(pieceLength int64) int64 {
	return pick(g, 0, 1, 5, pieceLength-1, pieceLength, pieceLength+1, 3*pieceLength, g.Int64N(6*pieceLength))
}

// name returns a file name that no directory has.
func (g generator) name() string {
	return pick(g, "f", "data", "音", "name with space") + strconv.Itoa(g.IntN(50))
}

// pad adds pad files (BEP 47) where a hybrid torrent has them.
func (g generator) pad(files []payload, single bool, pieceLength int64) []payload {
	if single {
		return files
	}
	var out []payload
	tail := g.chance(2)
	for i, f := range files {
		out = append(out, f)
		n := f.size()
		if gap := (pieceLength - n%pieceLength) % pieceLength; gap > 0 && (tail || slices.ContainsFunc(files[i+1:], payload.hasContent)) {
			out = append(out, payload{dirs: []string{".pad"}, name: strconv.FormatInt(gap, 10), length: gap, attr: "p"})
		}
	}
	return out
}

func (f payload) isLink() bool { return f.attr != "" && f.attr[len(f.attr)-1] == 'l' }

// size returns the length that counts, which is 0 for a symbolic link.
func (f payload) size() int64 {
	if f.isLink() {
		return 0
	}
	return f.length
}

func (f payload) hasContent() bool { return f.size() > 0 }

func (f payload) dict() tt.Dict {
	d := tt.Dict{"length": f.length}
	if f.attr != "" {
		d["attr"] = f.attr
	}
	if f.isLink() {
		d["symlink path"] = tt.List{"a", "f1"}
	}
	return d
}

func (g generator) addV1(info tt.Dict, files []payload, single bool, pieceLength int64) {
	total := int64(0)
	var list tt.List
	for _, f := range files {
		total += f.size()
		d := f.dict()
		var path tt.List
		for _, part := range f.path() {
			path = append(path, part)
		}
		d["path"] = path
		list = append(list, d)
	}
	info["pieces"] = g.bytes(20 * int((total+pieceLength-1)/pieceLength))
	if single {
		info["length"] = files[0].length
		return
	}
	info["files"] = list
}

func (g generator) addV2(m *model, files []payload, pieceLength int64) {
	tree, layers := tt.Dict{}, tt.Dict{}
	for _, f := range files {
		leaf := f.dict()
		if f.size() > 0 {
			root, layer := g.layer(int((f.length+pieceLength-1)/pieceLength), pieceLength)
			leaf["pieces root"] = root
			if f.length > pieceLength {
				layers[root] = layer
			}
		}
		insert(tree, f.path(), tt.Dict{"": leaf})
	}
	m.info["meta version"] = 2
	m.info["file tree"] = tree
	if !g.chance(6) {
		m.outer["piece layers"] = layers
	}
}

func insert(tree tt.Dict, path []string, leaf tt.Dict) {
	for _, dir := range path[:len(path)-1] {
		if tree[dir] == nil {
			tree[dir] = tt.Dict{}
		}
		tree = tree[dir].(tt.Dict)
	}
	tree[path[len(path)-1]] = leaf
}

// layer returns random piece hashes and their root. It computes the root in the slow way that BEP
// 52 defines.
func (g generator) layer(pieces int, pieceLength int64) (root, layer string) {
	layer = g.bytes(32 * pieces)
	pad := make([]byte, 32)
	for n := pieceLength; n > 16<<10; n /= 2 {
		pad = sum(pad, pad)
	}
	nodes := slices.Collect(slices.Chunk([]byte(layer), 32))
	for len(nodes)&(len(nodes)-1) != 0 {
		nodes = append(nodes, pad)
	}
	for len(nodes) > 1 {
		for i := range len(nodes) / 2 {
			nodes[i] = sum(nodes[2*i], nodes[2*i+1])
		}
		nodes = nodes[:len(nodes)/2]
	}
	return string(nodes[0]), layer
}

func sum(a, b []byte) []byte {
	s := sha256.Sum256(slices.Concat(a, b))
	return s[:]
}

func (g generator) addExtras(m *model) {
	extras := tt.Dict{
		"announce":      "http://tracker.example/announce",
		"announce-list": tt.List{tt.List{"http://a.example/", "udp://b.example:1"}, tt.List{"http://c.example/"}},
		"comment":       "for the comparison",
		"creation date": g.IntN(1 << 31),
		"url-list":      pick[any](g, "http://w.example/", tt.List{"http://w.example/", ""}),
		"nodes":         tt.List{tt.List{"127.0.0.1", 6881}},
		"z":             tt.Dict{"nested": tt.List{tt.List{1, "two"}, tt.Dict{}}},
	}
	for _, key := range []string{"announce", "announce-list", "comment", "creation date", "url-list", "nodes", "z"} {
		if g.chance(3) {
			m.outer[key] = extras[key]
		}
	}
	if g.chance(3) {
		m.info["private"] = g.IntN(2)
	}
	if g.chance(4) {
		m.info["source"] = fmt.Sprint("site ", g.IntN(9))
	}
}
