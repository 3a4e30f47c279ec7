//go:build e2e

package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// check reads back every acknowledged torrent.
func (u *underFire) check(t *testing.T) {
	t.Helper()
	conn := dialPort(t, u.server.GRPC)
	defer conn.Close()
	cache := torrentcachev1.NewCacheServiceClient(conn)
	type expectation struct {
		number uint64
		fate   fate
	}
	queue := make(chan expectation)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for e := range queue {
				if err := checkOne(t, cache, e.number, e.fate); err != nil {
					t.Errorf("torrent %d: %v", e.number, err)
				}
			}
		})
	}
	for n, f := range u.known {
		queue <- expectation{n, f}
	}
	close(queue)
	readers.Wait()
}

func checkOne(t *testing.T, cache torrentcachev1.CacheServiceClient, n uint64, want fate) error {
	torrent := numbered(n)
	answer, err := cache.GetTorrent(context.Background(), &torrentcachev1.GetTorrentRequest{InfoHash: hashOfTorrent(t, torrent)})
	removed := err != nil && client.Reason(err) == "TORRENT_REMOVED"
	switch {
	case err != nil && !removed:
		return err
	case removed && want == stored:
		return errors.New("it is removed, and nobody asked for that")
	case !removed && want == gone:
		return errors.New("it is back, though its removal was acknowledged")
	case !removed && !bytes.Equal(answer.GetTorrent(), torrent):
		return fmt.Errorf("%d other bytes, want %d", len(answer.GetTorrent()), len(torrent))
	}
	return nil
}
