package deny

import (
	"fmt"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
)

// The test vector of docs/operations.md.
const (
	hexV1  = "0123456789ABCDEF0123456789ABCDEF01234567"
	digest = "//3af8e91b5c7e0c4d945296e81104578262bcd85782d3b999239e11f25dadf459"
	hexV2  = "FEDCBA9876543210FEDCBA9876543210FEDCBA9876543210FEDCBA9876543210"
)

func mustParse(tb testing.TB, hash string) infohash.ID {
	tb.Helper()
	id, err := infohash.Parse(hash)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func TestParseLine(t *testing.T) {
	v1, v2 := infohash.Set{V1: mustParse(t, hexV1)}, infohash.Set{V2: mustParse(t, hexV2)}
	both := infohash.Set{V1: v1.V1, V2: v2.V2}
	for _, test := range []struct {
		line string
		want infohash.Set
	}{
		{hexV1, v1}, {strings.ToLower(hexV1), v1}, {hexV2, v2}, {"1220" + hexV2, v2},
		{"AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH", v1},
		{"  " + hexV1 + "\t \r\n", v1}, {hexV1 + " # case 7", v1}, {hexV1 + "#case 7", v1},
		{"\uFEFF" + hexV1, v1}, {"\uFEFF  # comment", infohash.Set{}},
		{"magnet:?xt=urn:btih:" + hexV1 + "&dn=a%20b", v1}, {"MAGNET:?xt=urn:btmh:1220" + hexV2, v2},
		{both.Magnet(), both},
		{"", infohash.Set{}}, {"\r\n", infohash.Set{}}, {"\n", infohash.Set{}}, {"# " + hexV1, infohash.Set{}},
	} {
		got, err := parseLine([]byte(test.line))
		if err != nil || got.ids != test.want || got.digest != nil {
			t.Errorf("%q: got %v, %v", test.line, got, err)
		}
	}
}

func TestParseLineWithDigest(t *testing.T) {
	want := digestOf(mustParse(t, strings.ToLower(hexV1)))
	if got := fmt.Sprintf("//%x", want); got != digest {
		t.Fatalf("the digest of %s is %s", hexV1, got)
	}
	for _, line := range []string{digest, strings.ToUpper(digest), " // " + digest[2:] + " # comment\r\n"} {
		got, err := parseLine([]byte(line))
		if err != nil || got.digest == nil || *got.digest != want {
			t.Errorf("%q: got %v, %v", line, got, err)
		}
	}
}

// badLines maps lines of which nothing is taken to the words of the error.
var badLines = map[string]string{
	hexV1[1:]:                       "want an info hash",
	hexV1 + "0":                     "want an info hash",
	hexV1[1:] + "G":                 "want an info hash",
	hexV1 + " " + hexV1:             "want an info hash",
	hexV1 + "\r" + hexV1:            "want an info hash",
	hexV2[1:]:                       "want an info hash",
	"0x" + hexV1:                    "want an info hash",
	"name of a torrent":             "want an info hash",
	"\x00":                          `"\x00"`,
	"\xFF\xFE0\x001\x00":            "want an info hash", // UTF-16
	"// a comment of another kind":  "want 64 hex digits",
	"//" + hexV1:                    "want 64 hex digits",
	"//" + hexV2[1:] + "G":          "want 64 hex digits",
	"//":                            "want 64 hex digits",
	"magnet:":                       "begins with",
	"magnet:?dn=name":               "names no torrent",
	"magnet:?xt=urn:btih:12":        "malformed",
	"https://example.org/" + hexV1:  "want an info hash",
	strings.Repeat("long ", 100_00): "...",
}

func TestParseLineRefuses(t *testing.T) {
	for line, want := range badLines {
		got, err := parseLine([]byte(line))
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 || got != (named{}) {
			t.Errorf("%.80q: got %v, %v; want an error with %q", line, got, err, want)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	for line := range badLines {
		f.Add([]byte(line))
	}
	f.Add([]byte(digest))
	f.Add([]byte("\uFEFF" + hexV1 + " # comment\r\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := parseLine(line)
		if err != nil && got != (named{}) {
			t.Errorf("%q: %v with an error", line, got)
		}
		if got.digest != nil && got.ids != (infohash.Set{}) {
			t.Errorf("%q is of two kinds", line)
		}
	})
}
