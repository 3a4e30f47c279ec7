package infohash_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
)

func TestParseMagnet(t *testing.T) {
	v1, v2 := mustParse(t, hexV1), mustParse(t, hexV2)
	btih, btmh := "xt=urn:btih:"+hexV1, "xt=urn:btmh:1220"+hexV2
	tests := []struct {
		name, in string
		want     infohash.Set
	}{
		{"v1", "magnet:?" + btih, infohash.Set{V1: v1}},
		{"v2", "magnet:?" + btmh, infohash.Set{V2: v2}},
		{"hybrid", "magnet:?" + btih + "&" + btmh, infohash.Set{V1: v1, V2: v2}},
		{"lower case", strings.ToLower("magnet:?" + btih), infohash.Set{V1: v1}},
		{"upper case", "MAGNET:?xt=URN:BTIH:" + hexV1, infohash.Set{V1: v1}},
		{"numbered topics", "magnet:?xt.1=urn:btih:" + hexV1 + "&xt.2=urn:btmh:1220" + hexV2, infohash.Set{V1: v1, V2: v2}},
		{"the same topic twice", "magnet:?" + btih + "&" + btih, infohash.Set{V1: v1}},
		{"escaped", "magnet:?xt=urn%3Abtih%3A" + hexV1, infohash.Set{V1: v1}},
		{"other parameters", "magnet:?dn=a+name&" + btih + "&tr=http%3A%2F%2Ft.example%2F&xl=5", infohash.Set{V1: v1}},
		{"a broken escape in the name", "magnet:?dn=100%&" + btih, infohash.Set{V1: v1}},
		{"another network's topic", "magnet:?xt=urn:ed2k:31D6CFE0D16AE931B73C59D7E0C089C0&" + btih, infohash.Set{V1: v1}},
		{"a topic that lower-cases to ours", "magnet:?xt=urn:bt%C4%B0h:x&" + btih, infohash.Set{V1: v1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := infohash.ParseMagnet(test.in); err != nil || got != test.want {
				t.Errorf("got %v and %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestParseMagnetRefuses(t *testing.T) {
	tests := []struct{ name, in string }{
		{"nothing", ""},
		{"an id alone", hexV1},
		{"another scheme", "http:?xt=urn:btih:" + hexV1},
		{"no topic", "magnet:?dn=x"},
		{"only another network's topic", "magnet:?xt=urn:ed2k:31D6CFE0D16AE931B73C59D7E0C089C0"},
		{"a short hash", "magnet:?xt=urn:btih:" + hexV1[1:]},
		{"a v2 hash as btih", "magnet:?xt=urn:btih:" + hexV2},
		{"a v1 hash as btmh", "magnet:?xt=urn:btmh:" + hexV1},
		{"two different hashes", "magnet:?xt=urn:btih:" + hexV1 + "&xt=urn:btih:" + hexV2[:40]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := infohash.ParseMagnet(test.in); !errors.Is(err, infohash.ErrMalformed) || got != (infohash.Set{}) {
				t.Errorf("got %v and %v, want ErrMalformed", got, err)
			}
		})
	}
}

func TestMagnetReadsBack(t *testing.T) {
	v1, v2 := mustParse(t, hexV1), mustParse(t, hexV2)
	for _, set := range []infohash.Set{{V1: v1}, {V2: v2}, {V1: v1, V2: v2}} {
		link := set.Magnet()
		if got, err := infohash.ParseMagnet(link); err != nil || got != set {
			t.Errorf("%q gives %v and %v, want %v", link, got, err, set)
		}
	}
}

func TestMagnetNamesItsSource(t *testing.T) {
	set := infohash.Set{V1: mustParse(t, hexV1)}
	const source = "https://[::1]:8443/torrent/x.torrent?a=b&xt=urn:btih:0"
	link := set.MagnetFrom(source)
	query, err := url.ParseQuery(strings.TrimPrefix(link, "magnet:?"))
	if err != nil || query.Get("xs") != source || len(query) != 2 || !strings.HasPrefix(link, set.Magnet()+"&xs=https%3A%2F%2F") {
		t.Errorf("%q: %v (%v)", link, query, err)
	}
	if got, err := infohash.ParseMagnet(link); err != nil || got != set {
		t.Errorf("%q gives %v and %v", link, got, err)
	}
}

func FuzzParseMagnet(f *testing.F) {
	f.Add("magnet:?xt=urn:btih:" + hexV1 + "&dn=x")
	f.Add("magnet:?xt.1=urn:btmh:1220" + hexV2)
	f.Add("magnet:?xt=urn:bt%C4%B0h:x")
	f.Fuzz(func(t *testing.T, link string) {
		set, err := infohash.ParseMagnet(link)
		if err != nil {
			if !errors.Is(err, infohash.ErrMalformed) || set != (infohash.Set{}) {
				t.Errorf("%q gives %v and %v", link, set, err)
			}
			return
		}
		if again, err := infohash.ParseMagnet(set.Magnet()); err != nil || again != set {
			t.Errorf("%q gives %v, which gives %v and %v", link, set, again, err)
		}
	})
}
