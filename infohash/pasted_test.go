package infohash_test

import (
	"encoding/base32"
	"errors"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
)

func TestParsePasted(t *testing.T) {
	v1, v2 := infohash.Set{V1: mustParse(t, hexV1)}, infohash.Set{V2: mustParse(t, hexV2)}
	base32V1 := base32.StdEncoding.EncodeToString(v1.V1.AppendTo(nil))
	for in, want := range map[string]infohash.Set{
		hexV1:                                 v1,
		" \t" + hexV1 + "\r\n":                v1,
		"\ufeff" + hexV1:                      v1,
		"<magnet:?xt=urn:btih:" + hexV1 + ">": v1,
		"'" + hexV2 + "'":                     v2,
		"1220" + hexV2:                        v2,
		base32V1:                              v1,
		"magnet:/?xt=urn:btih:" + hexV1:       v1,
		"magnet://?xt=urn:btih:" + hexV1:      v1,
		"magnet:?dn=x&amp;xt=urn:btih:" + hexV1 + "&amp;tr=y": v1,
		"urn:btih:" + hexV1:                                v1,
		"URN:BTIH:" + base32V1:                             v1,
		"urn:btmh:1220" + hexV2:                            v2,
		hexV1 + ".torrent":                                 v1,
		strings.ToLower(hexV2) + ".TORRENT":                v2,
		base32V1 + ".torrent":                              v1,
		"http://torrage.com/torrent/" + hexV1 + ".torrent": v1,
		"https://itorrents.org/torrent/" + hexV1 + ".torrent?title=[x] y": v1,
		"https://x.example/" + hexV1:                                      v1,
		"https://x.example/torrent/" + base32V1 + ".torrent":              v1,
		"https://x.example/torrent/" + hexV2 + "/name.torrent":            v2,
		"//x.example:8080/torrent/" + hexV1 + "[site]name.torrent":        v1,
		"x.example/torrent/" + hexV1 + ".torrent":                         v1,
		"https://x.example/torrent/" + hexV1 + ".torrent#top":             v1,
		"https://x.example/v1/torrents/" + hexV1 + "/info":                v1,
	} {
		if got, err := infohash.ParsePasted(in); err != nil || got != want {
			t.Errorf("%q: got %v and %v, want %v", in, got, err, want)
		}
	}
}

func TestParsePastedRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "#", ".torrent", hexV1[1:], hexV1 + "0", "urn:btih:" + hexV2, "urn:btih:", "urn:ed2k:" + hexV1, "magnet:?dn=x", "magnet:" + hexV1,
		"lists/" + hexV1 + "/list.txt", hexV1 + ".txt", "https://x.example/", "https://x.example/?h=" + hexV1,
		"https://x.example/torrent/" + hexV1 + "0.torrent", hexV1 + " " + hexV1,
	} {
		if got, err := infohash.ParsePasted(in); !errors.Is(err, infohash.ErrMalformed) || got != (infohash.Set{}) {
			t.Errorf("%q: got %v and %v, want ErrMalformed", in, got, err)
		}
	}
}

func FuzzParsePasted(f *testing.F) {
	f.Add("magnet:?xt=urn:btih:" + hexV1)
	f.Add("https://x.example/torrent/" + hexV1 + ".torrent")
	f.Add("urn:btmh:1220" + hexV2)
	f.Fuzz(func(t *testing.T, text string) {
		set, err := infohash.ParsePasted(text)
		if (err == nil) != (set != infohash.Set{}) || err != nil && !errors.Is(err, infohash.ErrMalformed) {
			t.Fatalf("%v and %v", set, err)
		}
		if id, plain := infohash.Parse(text); plain == nil && (err != nil || set.Primary() != id) {
			t.Errorf("an id alone: %v and %v", set, err)
		}
	})
}
