package server_test

import (
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
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

// What is against the policy is refused to whoever uploads it, one by one and by a
// stream, and nothing of it is stored.
func TestPolicyRefuses(t *testing.T) {
	private := torrenttest.Dict{"private": 1}
	for _, test := range []struct {
		name    string
		policy  func(*server.Options)
		torrent []byte
		want    reason.Reason // "" for taken
		text    string        // of the form
	}{
		{"all is taken", func(*server.Options) {}, torrentWith(keyTracker, private), "", ""},
		{"private", func(o *server.Options) { o.RefusePrivate = true }, torrentWith(openTracker, private), reason.TorrentRefused, "this server takes no private torrents"},
		{"not private", func(o *server.Options) { o.RefusePrivate = true }, torrentWith(keyTracker, nil), "", ""},
		{"passkey", func(o *server.Options) { o.RefusePasskeys = true }, torrentWith(keyTracker, nil), reason.TorrentRefused, "the tracker address holds a passkey, this server refuses those."},
		{"passkey of a private torrent", func(o *server.Options) { o.RefusePasskeys = true }, torrentWith(keyTracker, private), reason.TorrentRefused, "the tracker address holds a passkey"},
		{"no passkey", func(o *server.Options) { o.RefusePasskeys = true }, torrentWith(openTracker, private), "", ""},
		{"size", func(o *server.Options) { o.MaxTorrentSize = 100 }, torrentWith(openTracker, nil), reason.TorrentTooLarge, "The torrent file is too large."},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHarnessWith(t, inProcess, test.policy)
			_, err := h.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: test.torrent})
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
			stats, err := h.store.Stats(t.Context())
			if err != nil || stats.Torrents != 0 {
				t.Errorf("%d torrents are stored (%v)", stats.Torrents, err)
			}
		})
	}
}

// streamOne uploads a torrent by CacheTorrents and returns its result.
func streamOne(t *testing.T, h *harness, torrent []byte) *torrentcachev1.CacheTorrentsResponse {
	t.Helper()
	stream, err := h.cache.CacheTorrents(t.Context())
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
