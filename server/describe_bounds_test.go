package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

// wordy returns a torrent that says as much as it can, with texts of n bytes.
func wordy(n int) []byte {
	text := strings.Repeat("\xff\x01", n/2)
	var urls, files torrenttest.List
	for range 100 {
		urls = append(urls, text)
		files = append(files, torrenttest.Dict{"length": 1, "path": torrenttest.List{"x", text}, "attr": text})
	}
	return torrenttest.Bencode(torrenttest.Dict{
		"announce-list": torrenttest.List{urls}, "comment": text, "created by": text, "url-list": urls, "httpseeds": urls,
		"nodes": torrenttest.List{torrenttest.List{text, 1}},
		"info": torrenttest.Dict{"name": text, "source": text, "piece length": 16384, "pieces": strings.Repeat("x", 20),
			"files": files},
	})
}

// The description of any torrent fits into the 4 MiB that a gRPC client takes.
func TestDescriptionsAreBounded(t *testing.T) {
	h := servertest.New(t, servertest.OverNetwork, func(o *servertest.Options) { o.MaxTorrentSize = 64 << 20 })
	for _, n := range []int{10, 1000, metainfo.MaxText / 3, 2 * metainfo.MaxText} {
		hash := h.Put(t, wordy(n)).GetInfoHash()
		got, err := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash, FilePageSize: 10_000})
		if err != nil {
			t.Fatalf("texts of %d bytes: %v", n, err)
		}
		if json, err := protojson.Marshal(got); err != nil || !utf8.Valid(json) {
			t.Errorf("as JSON: %v", err)
		}
	}
}

func TestLongTextIsMarked(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		for _, n := range []int{metainfo.MaxText, metainfo.MaxText + 1} {
			torrent := torrenttest.Bencode(torrenttest.Dict{"comment": strings.Repeat("c", n), "info": torrenttest.Dict{
				"name": fmt.Sprint(n), "piece length": 16384, "pieces": strings.Repeat("x", 20), "length": 1}})
			hash := h.Put(t, torrent).GetInfoHash()
			got, err := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash})
			if err != nil {
				t.Fatal(err)
			}
			cut := n > metainfo.MaxText
			if got.GetTruncated() != cut || strings.HasSuffix(got.GetComment(), "…") != cut || len(got.GetComment()) != metainfo.MaxText {
				t.Errorf("%d bytes: %d bytes of comment, truncated: %v", n, len(got.GetComment()), got.GetTruncated())
			}
		}
	})
}

// A torrent is not parsed if its caller has left while it was read. Parsing this one would fail,
// with an error in the log.
func TestDescribeEndsWithItsCaller(t *testing.T) {
	h := servertest.New(t, servertest.InProcess)
	ctx, leave := context.WithCancel(t.Context())
	h.Store.SetGet(func(context.Context, infohash.ID) (store.Torrent, error) {
		leave()
		return store.Torrent{Bytes: []byte("no torrent")}, nil
	})
	_, err := h.Cache.DescribeTorrent(ctx, &torrentcachev1.DescribeTorrentRequest{InfoHash: strings.Repeat("ab", 20)})
	if status.Code(err) != codes.Canceled || h.Log.String() != "" {
		t.Errorf("%v, log %s", err, h.Log)
	}
}
