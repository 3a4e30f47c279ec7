package server_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
)

// torrentWith is a torrent with that announce URL, whose info dictionary says more.
func torrentWith(announce string, more torrenttest.Dict) []byte {
	info := torrenttest.Dict{"name": "policy", "length": 10, "piece length": 1 << 15, "pieces": strings.Repeat("p", 20)}
	for key, value := range more {
		info[key] = value
	}
	return torrenttest.Bencode(torrenttest.Dict{"announce": announce, "info": info})
}

const (
	openTracker = "http://tracker.example.org/announce"
	keyTracker  = "http://tracker.example.org/0a1b2c3d4e5f60718293a4b5c6d7e8f9/announce"
)

// A torrent that is against the policy is refused to every uploader, one by one and in a stream.
// Nothing of it is stored.
func TestPolicyRefuses(t *testing.T) {
	private := torrenttest.Dict{"private": 1}
	for _, test := range []struct {
		name    string
		policy  func(*servertest.Options)
		torrent []byte
		want    reason.Reason // "" for taken
		text    string        // of the form
	}{
		{"all is taken", func(*servertest.Options) {}, torrentWith(keyTracker, private), "", ""},
		{"private", func(o *servertest.Options) { o.RefusePrivate = true }, torrentWith(openTracker, private), reason.TorrentRefused, "this server takes no private torrents"},
		{"not private", func(o *servertest.Options) { o.RefusePrivate = true }, torrentWith(keyTracker, nil), "", ""},
		{"passkey", func(o *servertest.Options) { o.RefusePasskeys = true }, torrentWith(keyTracker, nil), reason.TorrentRefused, "the tracker address holds a passkey, this server refuses those."},
		{"passkey of a private torrent", func(o *servertest.Options) { o.RefusePasskeys = true }, torrentWith(keyTracker, private), reason.TorrentRefused, "the tracker address holds a passkey"},
		{"no passkey", func(o *servertest.Options) { o.RefusePasskeys = true }, torrentWith(openTracker, private), "", ""},
		{"size", func(o *servertest.Options) { o.MaxTorrentSize = 100 }, torrentWith(openTracker, nil), reason.TorrentTooLarge, "The torrent file is too large."},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := servertest.New(t, servertest.InProcess, test.policy)
			_, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: test.torrent})
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e := reason.Of(err)
			if e == nil || e.Reason != test.want || !strings.HasPrefix(e.LegacyText(), test.text) {
				t.Errorf("an upload: %v, want %s and a text that begins with %q", e, test.want, test.text)
			}
			if got := streamOne(t, h, test.torrent).GetError(); got.GetReason() != string(test.want) {
				t.Errorf("an item of a stream: %v, want %s", got, test.want)
			}
			stats, err := h.Store.Stats(t.Context())
			if err != nil || stats.Torrents != 0 {
				t.Errorf("%d torrents are stored (%v)", stats.Torrents, err)
			}
		})
	}
}

// streamOne uploads a torrent by CacheTorrents and returns its result.
func streamOne(t *testing.T, h *servertest.Harness, torrent []byte) *torrentcachev1.CacheTorrentsResponse {
	t.Helper()
	stream, err := h.Cache.CacheTorrents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: 1, Torrent: torrent}); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	result, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestBudgetOfNewBytes(t *testing.T) {
	servertest.OverLimited(t, limit.Settings{HourlyBytes: 25_000}, func(t *testing.T, h *servertest.Harness, from func(string) context.Context) {
		put := func(address string, n int) error {
			_, err := h.Cache.CacheTorrent(from(address), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.Random(uint64(n), 10_000)})
			return err
		}
		for n := range 2 {
			if err := put("203.0.113.9", n); err != nil {
				t.Fatal(err)
			}
		}
		servertest.WantRetry(t, put("203.0.113.9", 2), reason.RateLimited)
		if err := put("203.0.113.9", 1); err != nil {
			t.Errorf("one that is here already: %v", err)
		}
		if err := put("203.0.113.10", 2); err != nil {
			t.Errorf("from another address: %v", err)
		}
		if err := put("203.0.113.9", 2); err != nil {
			t.Errorf("when another has uploaded it: %v", err)
		}
	})
}

// On a stream each item has its own answer.
func TestBudgetOfNewBytesOnAStream(t *testing.T) {
	servertest.OverLimited(t, limit.Settings{HourlyBytes: 25_000, Streams: 1, StreamsPerAddress: 1}, func(t *testing.T, h *servertest.Harness, from func(string) context.Context) {
		stream, err := h.Cache.CacheTorrents(from("203.0.113.9"))
		if err != nil {
			t.Fatal(err)
		}
		reasons := map[uint64]string{}
		for n := range 4 {
			if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: uint64(n), Torrent: torrenttest.Random(uint64(n%3), 10_000)}); err != nil {
				t.Fatal(err)
			}
			answer, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			reasons[answer.GetItemId()] = answer.GetError().GetReason()
		}
		if got, want := fmt.Sprint(reasons), "map[0: 1: 2:RATE_LIMITED 3:]"; got != want {
			t.Errorf("the items' reasons are %s, want %s", got, want)
		}
		second, err := h.Cache.CacheTorrents(from("203.0.113.9"))
		if err == nil {
			_, err = second.Recv()
		}
		servertest.WantRetry(t, err, reason.RateLimited)
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != io.EOF {
			t.Errorf("the end of the first stream: %v", err)
		}
	})
}
