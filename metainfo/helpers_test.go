package metainfo_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo"
	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// with returns d with the keys of more, which replace those of d; nil takes a
// key away.
func with(d, more tt.Dict) tt.Dict {
	out := maps.Clone(d)
	maps.Copy(out, more)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

// v1Info is the info dictionary of a torrent of 5 bytes, changed by more.
func v1Info(more tt.Dict) tt.Dict {
	return with(tt.Dict{"name": "x", "piece length": 16384, "pieces": hashes(1), "length": 5}, more)
}

// v2Info is the same for v2.
func v2Info(more tt.Dict) tt.Dict {
	return with(tt.Dict{"name": "x", "piece length": 16384, "meta version": 2, "file tree": tt.Dict{"x": leaf(5)}}, more)
}

// hashes returns made-up SHA-1s for n pieces.
func hashes(n int) string { return strings.Repeat("h", 20*n) }

// leaf returns an entry of `file tree` with a made-up root.
func leaf(length any) tt.Dict {
	return tt.Dict{"": tt.Dict{"length": length, "pieces root": strings.Repeat("r", 32)}}
}

// file returns an entry of `files`.
func file(length any, path ...any) tt.Dict { return tt.Dict{"length": length, "path": tt.List(path)} }

func files(entries ...any) tt.Dict { return tt.Dict{"length": nil, "files": tt.List(entries)} }

func torrent(info tt.Dict) []byte { return tt.Bencode(tt.Dict{"info": info}) }

func mustParse(t testing.TB, b []byte) *metainfo.Torrent {
	t.Helper()
	torrent, err := metainfo.Parse(b)
	if err != nil {
		t.Fatalf("%v, of %.200q", err, b)
	}
	return torrent
}

// checkRefused wants an error that begins with "at byte N: " and contains rule.
func checkRefused(t *testing.T, b []byte, rule string) {
	t.Helper()
	got, err := metainfo.Parse(b)
	if got != nil || err == nil {
		t.Fatalf("accepted, want an error with %q", rule)
	}
	var e *metainfo.Error
	if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(b)) {
		t.Errorf("got %#v, want an *Error with an offset within %d bytes", err, len(b))
	}
	if !strings.Contains(err.Error(), rule) {
		t.Errorf("got %q, want it to contain %q", err, rule)
	}
}
