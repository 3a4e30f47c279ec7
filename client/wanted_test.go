package client_test

import (
	"testing"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// Wanted yields each torrent once it is wanted, until the caller stops. A server that is gone is an
// error.
func TestWanted(t *testing.T) {
	s := startServer(t)
	c := s.dial(client.Options{})
	const hash = "0123456789ABCDEF0123456789ABCDEF01234567"
	seen := 0
	for news, err := range c.Wanted(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 1 {
			if len(news.GetTorrents()) > 0 {
				t.Errorf("at first %v is wanted", news)
			}
			if _, err := c.RPC().WantTorrent(t.Context(), &torrentcachev1.WantTorrentRequest{InfoHash: hash}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if len(news.GetTorrents()) != 1 || news.GetTorrents()[0].GetInfoHash() != hash {
			t.Errorf("%v is wanted", news)
		}
		break
	}
	s.grpc.Stop()
	for _, err := range c.Wanted(t.Context()) {
		if client.Reason(err) != "OVERLOADED" {
			t.Errorf("a server that is gone: %v", err)
		}
	}
}
