package metainfo_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	tt "github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// described returns the description of a v1 torrent with these outer keys.
func described(t *testing.T, outer tt.Dict) metainfo.Description {
	t.Helper()
	return mustParse(t, tt.Bencode(with(tt.Dict{"info": v1Info(nil)}, outer))).Describe()
}

func TestDescribe(t *testing.T) {
	info := v1Info(with(files(file(5, "a"), file(16384, "d", "b")), tt.Dict{
		"name": "old", "name.utf-8": "näme & more", "pieces": hashes(2), "private": 1, "source": "SITE",
	}))
	got := mustParse(t, tt.Bencode(tt.Dict{
		"info":          info,
		"announce":      "http://ignored.example/",
		"announce-list": tt.List{tt.List{"http://a.example/?passkey=1&x", "udp://b.example:80"}, tt.List{"", " http://c.example"}, tt.List{}, 5},
		"comment":       "a comment", "created by": "a program", "creation date": 1_262_304_000, "encoding": "UTF-8",
		"url-list": "http://w.example/", "httpseeds": tt.List{"http://h.example/", 5},
		"nodes": tt.List{tt.List{"127.0.0.1", 6881}, tt.List{"::1", 0}, tt.List{"x"}, 5, tt.List{"h.example", 65536}, tt.List{"h.example", 1, 2}},
	})).Describe()
	want := metainfo.Description{
		Name: "näme & more", PieceLength: 16384, PieceCount: 2, Private: true, FileCount: 2,
		Comment: "a comment", CreatedBy: "a program", Source: "SITE", Encoding: "UTF-8",
		CreationDate: time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC),
		Trackers:     [][]string{{"http://a.example/?passkey=1&x", "udp://b.example:80"}, {"http://c.example"}},
		WebSeeds:     []string{"http://w.example/"},
		HTTPSeeds:    []string{"http://h.example/"},
		Nodes:        []metainfo.Node{{Host: "127.0.0.1", Port: 6881}, {Host: "h.example", Port: 1}},
		Magnet: got.Magnet[:strings.Index(got.Magnet, "&")] + "&dn=n%C3%A4me%20%26%20more&xl=16389" +
			"&tr=http%3A%2F%2Fa.example%2F%3Fpasskey%3D1%26x&tr=udp%3A%2F%2Fb.example%3A80&tr=http%3A%2F%2Fc.example&ws=http%3A%2F%2Fw.example%2F",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDescribeTrackers(t *testing.T) {
	tests := []struct {
		name  string
		outer tt.Dict
		want  [][]string
	}{
		{"none", tt.Dict{}, nil},
		{"announce", tt.Dict{"announce": "http://a.example/"}, [][]string{{"http://a.example/"}}},
		{"an empty announce", tt.Dict{"announce": " "}, nil},
		{"an announce that is no string", tt.Dict{"announce": 5}, nil},
		{"an empty announce-list", tt.Dict{"announce": "http://a.example/", "announce-list": tt.List{tt.List{}}}, [][]string{{"http://a.example/"}}},
		{"an announce-list without tiers", tt.Dict{"announce-list": tt.List{"http://a.example/"}}, nil},
		{"any bytes", tt.Dict{"announce": "\x00\xff\r\n"}, [][]string{{"\x00\xff\r\n"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, described(t, test.outer).Trackers); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDescribeCreationDate(t *testing.T) {
	tests := []struct {
		value any
		want  time.Time
	}{
		{nil, time.Time{}},
		{"2010", time.Time{}},
		{-1, time.Time{}},
		{0, time.Time{}},
		{1, time.Unix(1, 0).UTC()},
		{253402300799, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{253402300800, time.Time{}},
		{tt.Raw("i99999999999999999999e"), time.Time{}},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.value), func(t *testing.T) {
			if got := described(t, tt.Dict{"creation date": test.value}).CreationDate; !got.Equal(test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestDescribeBoundsLists(t *testing.T) {
	var tiers, seeds tt.List
	for range 3 * metainfo.MaxListed {
		tiers = append(tiers, tt.List{"http://a.example/", "http://b.example/"})
		seeds = append(seeds, "http://w.example/")
	}
	d := described(t, tt.Dict{"announce-list": tiers, "url-list": seeds, "httpseeds": seeds})
	if len(d.Trackers) != metainfo.MaxListed/2 || len(d.WebSeeds) != metainfo.MaxListed || len(d.HTTPSeeds) != metainfo.MaxListed {
		t.Errorf("%d tiers, %d web seeds and %d HTTP seeds, want %d at most", len(d.Trackers), len(d.WebSeeds), len(d.HTTPSeeds), metainfo.MaxListed)
	}
	if len(d.Magnet) > 4096 {
		t.Errorf("the magnet link is %d bytes long", len(d.Magnet))
	}
}

func TestMagnetNamesEveryID(t *testing.T) {
	for kind, b := range map[string][]byte{"v1": tt.V1("näme"), "v2": tt.V2("a b&c=d"), "hybrid": tt.Hybrid("\x00\r\n\"<>")} {
		t.Run(kind, func(t *testing.T) {
			torrent := mustParse(t, b)
			link := torrent.Describe().Magnet
			got, err := infohash.ParseMagnet(link)
			if err != nil || got != torrent.IDs() {
				t.Errorf("%q gives %v and %v, want %v", link, got, err, torrent.IDs())
			}
			if i := strings.IndexFunc(link, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"'<>`, r) }); i >= 0 {
				t.Errorf("%q is not escaped at %d", link, i)
			}
		})
	}
}

// A v2 torrent pads each file to whole pieces, a v1 torrent does not.
func TestPieceCount(t *testing.T) {
	two := []tt.File{{Path: "a", Data: tt.Data(1, 1000)}, {Path: "b", Data: tt.Data(2, 1000)}}
	for kind, test := range map[string]struct {
		b    []byte
		want int64
	}{"v1": {tt.V1("x", two...), 1}, "v2": {tt.V2("x", two...), 2}, "hybrid": {tt.Hybrid("x", two...), 2}} {
		if got := mustParse(t, test.b).Describe().PieceCount; got != test.want {
			t.Errorf("%s: %d pieces, want %d", kind, got, test.want)
		}
	}
}
