package metainfo_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo"
	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// layered is a v2 torrent of two files that need layers and one that does not.
type layered struct {
	info   tt.Dict
	layers tt.Dict
	a, b   string // the roots
}

func newLayered() layered {
	one, two := tt.Data(1, 3*32), tt.Data(2, 2*32)
	l := layered{a: string(tt.MerkleRoot(one, 16384)), b: string(tt.MerkleRoot(two, 16384))}
	l.layers = tt.Dict{l.a: one, l.b: two}
	entry := func(length int, root string) tt.Dict {
		return tt.Dict{"": tt.Dict{"length": length, "pieces root": root}}
	}
	l.info = v2Info(tree(tt.Dict{"a": entry(40_000, l.a), "again": entry(39_999, l.a), "b": entry(20_000, l.b), "c": leaf(5)}))
	return l
}

func TestComplete(t *testing.T) {
	l := newLayered()
	only := func(roots ...string) tt.Dict {
		d := tt.Dict{}
		for _, r := range roots {
			d[r] = l.layers[r]
		}
		return d
	}
	foreign := strings.Repeat("f", 32)
	tests := []struct {
		name           string
		stored, upload any // piece layers, nil for none
		want           any // of the merged file; nil if there is nothing to add
	}{
		{"all are added", nil, l.layers, l.layers},
		{"to an empty dictionary", tt.Dict{}, l.layers, l.layers},
		{"one is added", only(l.a), l.layers, l.layers},
		{"each has one", only(l.a), only(l.b), l.layers},
		{"one stays missing", nil, only(l.b), only(l.b)},
		{"in place of what is no dictionary", "x", l.layers, l.layers},
		{"nothing is missing", l.layers, l.layers, nil},
		{"the upload has none", only(l.a), nil, nil},
		{"the upload has the same", only(l.a), only(l.a), nil},
		{"entries of no file are not taken", nil, with(only(l.a), tt.Dict{foreign: foreign}), only(l.a)},
		{"entries of no file are kept", tt.Dict{foreign: foreign}, only(l.a), with(only(l.a), tt.Dict{foreign: foreign})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			outer := func(announce string, layers any) []byte {
				return tt.Bencode(with(tt.Dict{"announce": announce, "info": l.info, "zz": "kept", "piece layers": layers}, tt.Dict{}))
			}
			stored := mustParse(t, outer("http://stored.example/", test.stored))
			upload := mustParse(t, outer("http://upload.example/", test.upload))
			merged, ok := metainfo.Complete(stored, upload)
			if ok != (test.want != nil) {
				t.Fatalf("ok is %v", ok)
			}
			if want := outer("http://stored.example/", test.want); ok && !bytes.Equal(merged, want) {
				t.Errorf("got  %q\nwant %q", merged, want)
			}
		})
	}
}

func TestCompleteKeepsTheStoredFile(t *testing.T) {
	l := newLayered()
	info := string(tt.Bencode(l.info))
	upload := mustParse(t, tt.Bencode(tt.Dict{"info": l.info, "piece layers": l.layers}))
	layers := "12:piece layers" + string(tt.Bencode(l.layers))
	tests := []struct{ name, stored, want string }{
		{"last key", "d4:info" + info + "e", "d4:info" + info + layers + "e"},
		{"before the next key", "d4:info" + info + "1:z0:e", "d4:info" + info + layers + "1:z0:e"},
		{"before info if keys are unsorted", "d1:z0:4:info" + info + "e", "d" + layers + "1:z0:4:info" + info + "e"},
		{"white space at the end", "d4:info" + info + "e\r\n", "d4:info" + info + layers + "e\r\n"},
		{"an odd length of the key", "d4:info" + info + "012:piece layersdee", "d4:info" + info + layers + "e"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stored := mustParse(t, []byte(test.stored))
			merged, ok := metainfo.Complete(stored, upload)
			if !ok || string(merged) != test.want {
				t.Fatalf("got  %v %q\nwant %q", ok, merged, test.want)
			}
			if got := mustParse(t, merged); got.IDs() != stored.IDs() || got.MissingPieceLayers() {
				t.Errorf("ids %v, missing layers %v", got.IDs(), got.MissingPieceLayers())
			}
		})
	}
}

func TestCompleteWantsTheSameTorrent(t *testing.T) {
	l := newLayered()
	other := with(l.info, tt.Dict{"name": "other"})
	stored := mustParse(t, torrent(l.info))
	for name, upload := range map[string][]byte{
		"another v2 torrent": tt.Bencode(tt.Dict{"info": other, "piece layers": l.layers}),
		"a v1 torrent":       tt.Bencode(tt.Dict{"info": v1Info(nil), "piece layers": l.layers}),
	} {
		if _, ok := metainfo.Complete(stored, mustParse(t, upload)); ok {
			t.Errorf("%s completes it", name)
		}
	}
	if _, ok := metainfo.Complete(mustParse(t, tt.V1("x")), stored); ok {
		t.Error("a v1 torrent was completed")
	}
}
