package client_test

import (
	"context"
	"testing"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// A server that has a v2 torrent without its piece layers gets them by a push.
func TestPushCompletesWhatLacksPieceLayers(t *testing.T) {
	for name, whole := range map[string][]byte{"v2": torrenttest.V2("a"), "hybrid": torrenttest.Hybrid("b")} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t)
			other := torrenttest.V2("another")
			wantCounts(t, push(t, s, client.PushOptions{}, bare(t, whole), other), map[client.Status]int{client.New: 2})
			dry := push(t, s, client.PushOptions{DryRun: true}, whole, other)
			wantCounts(t, dry, map[client.Status]int{client.Missing: 1, client.Already: 1})
			r := push(t, s, client.PushOptions{}, whole, other)
			wantCounts(t, r, map[client.Status]int{client.New: 1, client.Already: 1})
			wantWhole(t, s, idOf(t, whole))
			for _, again := range [][]byte{whole, bare(t, whole)} {
				r := push(t, s, client.PushOptions{}, again)
				if r.counts()[client.Already] != 1 || r.all[0].Sent != 0 {
					t.Errorf("again: %+v", r.all)
				}
			}
		})
	}
}

// The order of two files of one torrent must not matter.
func TestPushOfATorrentWithAndWithoutPieceLayers(t *testing.T) {
	whole := torrenttest.V2("a")
	for range 20 {
		s := startServer(t)
		push(t, s, client.PushOptions{}, bare(t, whole), whole)
		wantWhole(t, s, idOf(t, whole))
	}
}

func wantWhole(t *testing.T, s *testServer, id infohash.ID) {
	t.Helper()
	d, err := s.dial(client.Options{}).Describe(context.Background(), id, 1)
	if err != nil || d.GetMissingPieceLayers() {
		t.Errorf("the server has it without piece layers: %v, %v", d.GetMissingPieceLayers(), err)
	}
}

// bare returns a torrent without its piece layers.
func bare(t *testing.T, whole []byte) []byte {
	t.Helper()
	parsed, err := metainfo.Parse(whole)
	if err != nil {
		t.Fatal(err)
	}
	offset, length := parsed.InfoSpan()
	bare := torrenttest.Bencode(torrenttest.Dict{"info": torrenttest.Raw(whole[offset : offset+length])})
	if parsed, err = metainfo.Parse(bare); err != nil || !parsed.MissingPieceLayers() {
		t.Fatalf("layers are missing: %v, %v", parsed.MissingPieceLayers(), err)
	}
	return bare
}
