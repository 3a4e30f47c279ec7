package server_test

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
)

// manyFiles returns a torrent with n files named file-0, file-1, ...
func manyFiles(name string, n int) []byte {
	files := make([]torrenttest.File, n)
	for i := range files {
		files[i] = torrenttest.File{Path: fmt.Sprintf("dir/file-%d", i), Data: []byte{byte(i)}}
	}
	return torrenttest.V1(name, files...)
}

func TestDescribeTorrent(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.V1("my name")
		hash := h.Put(t, torrent).GetInfoHash()
		got, err := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash})
		if err != nil {
			t.Fatal(err)
		}
		if got.GetInfoHash() != hash || got.GetName() != "my name" || got.GetTorrentSizeBytes() != int64(len(torrent)) ||
			got.GetContentSizeBytes() != 100_000 || got.GetPieceLengthBytes() != torrenttest.PieceLength || got.GetPieceCount() != 4 ||
			got.GetFileCount() != 1 || got.GetFiles()[0].GetSizeBytes() != 100_000 || got.GetNextFilePageToken() != "" {
			t.Errorf("got %v", got)
		}
		if tiers := got.GetTrackerTiers(); len(tiers) != 1 || tiers[0].GetUrls()[0] != "http://tracker.example/announce" {
			t.Errorf("trackers %v", tiers)
		}
		if !strings.Contains(strings.ToUpper(got.GetMagnetLink()), hash) || got.GetCreatedBy() != "torrenttest" || got.GetCreationTime().GetSeconds() != 1_262_304_000 {
			t.Errorf("got %v", got)
		}
	})
}

func TestDescribeTorrentPages(t *testing.T) {
	const files = 250
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		hash := h.Put(t, manyFiles("many", files)).GetInfoHash()
		for _, size := range []int32{-1, 0, 1, 99, 125, files, 20_000} {
			seen, token := 0, ""
			for {
				page, err := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash, FilePageSize: size, FilePageToken: token})
				if err != nil {
					t.Fatalf("page size %d after %d files: %v", size, seen, err)
				}
				for _, f := range page.GetFiles() {
					if want := fmt.Sprintf("dir/file-%d", seen); strings.Join(f.GetPathSegments(), "/") != want {
						t.Fatalf("page size %d: got %v, want %s", size, f.GetPathSegments(), want)
					}
					seen++
				}
				if token = page.GetNextFilePageToken(); token == "" || len(page.GetFiles()) == 0 {
					break
				}
			}
			if seen != files {
				t.Errorf("page size %d: %d files in all pages, want %d", size, seen, files)
			}
		}
	})
}

func TestDescribeTorrentRefusesForeignTokens(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		describe := func(hash, token string) (*torrentcachev1.DescribeTorrentResponse, error) {
			return h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash, FilePageSize: 1, FilePageToken: token})
		}
		a := h.Put(t, manyFiles("a", 3)).GetInfoHash()
		b := h.Put(t, manyFiles("b", 3)).GetInfoHash()
		page, err := describe(b, "")
		if err != nil {
			t.Fatal(err)
		}
		foreign := page.GetNextFilePageToken()
		for _, token := range []string{foreign, "x", "!", strings.Repeat("A", 22), foreign + foreign, strings.ToUpper(foreign), "\n"} {
			_, err := describe(a, token)
			servertest.WantReason(t, err, reason.RequestInvalid)
		}
	})
}

func TestDescribeTorrentMendsText(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.Bencode(torrenttest.Dict{
			"announce": "http://a/\xff", "comment": "a\xff\xfeb", "created by": "\xc3", "url-list": torrenttest.List{"http://w/\x80"},
			"info": torrenttest.Dict{"name": "n\xe9m", "piece length": 16384, "pieces": strings.Repeat("x", 20), "source": "\xf0",
				"files": torrenttest.List{torrenttest.Dict{"length": 1, "path": torrenttest.List{"d\xff", "..", "f\n\x00"}}}},
		})
		hash := h.Put(t, torrent).GetInfoHash()
		got, err := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash})
		if err != nil {
			t.Fatal(err)
		}
		if got.GetComment() != "a\uFFFD\uFFFDb" || got.GetName() != "n\uFFFDm" {
			t.Errorf("comment %q, name %q; want a U+FFFD for each bad byte", got.GetComment(), got.GetName())
		}
		if path := strings.Join(got.GetFiles()[0].GetPathSegments(), "/"); path != "d\uFFFD/../f\n\x00" {
			t.Errorf("path %q", path)
		}
		if json, err := protojson.Marshal(got); err != nil || !utf8.Valid(json) {
			t.Errorf("as JSON: %v", err)
		}
	})
}

// The magnet link of a server that has a public address names the download, however long it is.
func TestMagnetLinkNamesTheDownload(t *testing.T) {
	const site = "https://cache.example/torrent/"
	h := servertest.New(t, servertest.InProcess, func(o *servertest.Options) {
		o.DownloadURL = func(ids infohash.Set) string { return site + ids.Primary().String() + ".torrent" }
	})
	trackers := make([]string, 30)
	for i := range trackers {
		trackers[i] = "http://tracker.example/" + strings.Repeat("x", 300) + strconv.Itoa(i)
	}
	for _, torrent := range [][]byte{torrenttest.V1("short"), withTrackers(trackers)} {
		hash := h.Put(t, torrent).GetInfoHash()
		link := describe(t, h, hash).GetMagnetLink()
		if !strings.HasSuffix(link, "&xs="+url.QueryEscape(site+hash+".torrent")) || len(link) > 4096 || !strings.HasPrefix(link, "magnet:?xt=urn:btih:") {
			t.Errorf("%d bytes: %.100s ... %s", len(link), link, link[max(0, len(link)-120):])
		}
	}
}

// withTrackers returns a torrent with an announce-list.
func withTrackers(trackers []string) []byte {
	var list strings.Builder
	for _, tracker := range trackers {
		fmt.Fprintf(&list, "l%d:%se", len(tracker), tracker)
	}
	torrent := torrenttest.V1("long")
	return fmt.Appendf(nil, "d13:announce-listl%se%s", list.String(), torrent[1:])
}
