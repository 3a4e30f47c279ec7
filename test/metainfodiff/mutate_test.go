package metainfodiff

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// sample returns one torrent of the comparison. A quarter of the samples are as generated; the
// others have one to three changes to their structure or their bytes.
func (g generator) sample() []byte {
	m := g.model()
	switch g.IntN(4) {
	case 0:
		return m.encode()
	case 1:
		b := m.encode()
		for range 1 + g.IntN(3) {
			b = g.mutateBytes(b)
		}
		return b
	}
	for range 1 + g.IntN(3) {
		g.mutateModel(m)
	}
	return m.encode()
}

// mutateBytes changes bytes without regard to the bencoding.
func (g generator) mutateBytes(b []byte) []byte {
	b = slices.Clone(b)
	if len(b) == 0 {
		return b
	}
	at := g.place(b)
	switch g.IntN(7) {
	case 0:
		b[at] = byte(g.Uint32())
	case 1:
		b[at] = pick(g, byte('d'), 'l', 'i', 'e', '0', '1', '9', ':', '-')
	case 2:
		b = slices.Delete(b, at, min(len(b), at+1+g.IntN(4)))
	case 3:
		b = slices.Insert(b, at, []byte(pick(g, "0", "e", "i0e", "0:", "1:a", "le", "de", "-", "i-0e"))...)
	case 4:
		b = b[:at]
	case 5:
		b = append(b, pick(g, "\n", " \r\n\t", "e", "\x00", "<html>")...)
	case 6:
		end := min(len(b), at+g.IntN(30))
		b = slices.Insert(b, at, b[at:end]...)
	}
	return b
}

// place returns a position to change. It prefers the few structural bytes to the many bytes of
// hashes.
func (g generator) place(b []byte) int {
	if i := bytes.Index(b, []byte(pick(g, "4:info", "6:length", "4:path", "12:meta version", "12:piece layers", "9:file tree", "12:piece length"))); i >= 0 {
		return min(len(b)-1, i+g.IntN(24))
	}
	return g.IntN(len(b))
}

// Hostile values for places that want an integer or a string.
var (
	oddIntegers = []tt.Raw{"i0e", "i1e", "i-1e", "i2e", "i3e", "i16384e", "i32768e", "i49152e", "i536854528e", "i536854529e", "i536870912e",
		"i1073741823e", "i1073741824e", "i17592186028031e", "i17592186028032e", "i281474976710655e", "i9223372036854775807e",
		"i9223372036854775808e", "i18446744073709551616e", "i4294967298e", "i999999999999999999999e", "i007e", "i-0e", "i-01e", "ie", "i-e", "i+1e", "i1.5e"}
	oddStrings = []any{"", ".", "..", "/", "\\", "a/b", "nul\x00", "cr\r\n", "\xff\xfe", "_____padding_file_0_x", tt.Raw("01:x"),
		tt.Raw("0000000000000001:x"), tt.Raw("00000000000000001:x"), tt.Raw("99999999999:x"), strings.Repeat("long", 300)}
)

func (g generator) oddValue() any {
	return pick[any](g, pick(g, oddIntegers...), pick(g, oddStrings...), tt.List{}, tt.Dict{}, tt.List{1, "a"}, tt.Dict{"": tt.Dict{}}, tt.List{""})
}

// mutateModel changes a key somewhere in the torrent.
func (g generator) mutateModel(m *model) {
	dicts := collect(m.outer, nil)
	d := pick(g, dicts...)
	if g.chance(3) {
		d = m.info
	}
	switch g.IntN(9) {
	case 0, 1:
		d[g.key(d)] = g.oddValue()
	case 2:
		delete(d, g.key(d))
	case 3:
		d[pick(g, "length", "attr", "path", "path.utf-8", "name.utf-8", "symlink path", "pieces root", "meta version", "files",
			"file tree", "pieces", "private", "mtime", "", "piece layers", "info", "magnet-uri")] = g.oddValue()
	case 4:
		d["attr"] = pick(g, "p", "l", "x", "h", "pl")
	case 5:
		g.duplicate(m, d)
	case 6:
		g.mutateFiles(m)
	case 7:
		g.mutateLayers(m)
	case 8:
		if k := g.key(d); k != "" {
			d[pick(g, k+"x", "a"+k, k+".utf-8")] = d[k]
		}
	}
}

// collect returns every dictionary of the torrent, in a fixed order.
func collect(v any, found []tt.Dict) []tt.Dict {
	switch v := v.(type) {
	case tt.Dict:
		found = append(found, v)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			found = collect(v[k], found)
		}
	case tt.List:
		for _, item := range v {
			found = collect(item, found)
		}
	}
	return found
}

func (g generator) key(d tt.Dict) string {
	if len(d) == 0 {
		return ""
	}
	return pick(g, slices.Sorted(maps.Keys(d))...)
}

// duplicate writes a key twice, or all keys in reverse order.
func (g generator) duplicate(m *model, d tt.Dict) {
	key := g.key(d)
	if key == "" || key == "info" && g.chance(2) {
		return
	}
	value := tt.Bencode(d[key])
	again := value
	if g.chance(2) {
		again = tt.Bencode(g.oddValue())
	}
	encodedKey := string(tt.Bencode(key))
	if g.chance(3) {
		// Unsorted: move the entry after a key that sorts last.
		delete(d, key)
		d["~~"] = tt.Raw("i1e" + encodedKey + string(value))
		return
	}
	d[key] = tt.Raw(string(value) + encodedKey + string(again))
	if key == "info" {
		m.info = tt.Dict{}
	}
}

// mutateFiles changes or moves one entry of `files`.
func (g generator) mutateFiles(m *model) {
	list, ok := m.info["files"].(tt.List)
	if !ok || len(list) == 0 {
		return
	}
	i := g.IntN(len(list))
	d, _ := list[i].(tt.Dict)
	switch g.IntN(8) {
	case 0:
		list = slices.Delete(slices.Clone(list), i, i+1)
	case 1:
		list = slices.Insert(slices.Clone(list), i, list[g.IntN(len(list))])
	case 2:
		pad := int64(1 + g.IntN(1<<14))
		list = append(slices.Clone(list), tt.Dict{"length": pad, "attr": "p", "path": tt.List{".pad", strconv.FormatInt(pad, 10)}})
	case 3:
		delete(d, "path")
	case 4:
		if d != nil {
			d["path"] = tt.List{pick(g, oddStrings...), "x"}
		}
	case 5:
		if d != nil {
			d["mtime"] = 5
		}
	case 6:
		list[i] = g.oddValue()
	case 7:
		list = tt.List{}
	}
	m.info["files"] = list
}

// mutateLayers changes one of the `piece layers`.
func (g generator) mutateLayers(m *model) {
	layers, ok := m.outer["piece layers"].(tt.Dict)
	if !ok {
		return
	}
	key := g.key(layers)
	layer, _ := layers[key].(string)
	switch g.IntN(6) {
	case 0:
		delete(layers, key)
	case 1:
		layers[g.bytes(32)] = g.bytes(32 * g.IntN(3))
	case 2:
		layers[g.bytes(31)] = g.bytes(32)
	case 3:
		if len(layer) > 32 {
			layers[key] = layer[32:] + layer[:32]
		}
	case 4:
		if len(layer) > 32 {
			layers[key] = layer[:len(layer)-pick(g, 1, 32)]
		}
	case 5:
		layers[key] = g.oddValue()
	}
}
