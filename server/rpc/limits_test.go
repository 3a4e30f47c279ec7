package rpc_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/server/servertest"
)

func TestUploadRate(t *testing.T) {
	servertest.OverLimited(t, limit.Settings{UploadRate: 0.01}, func(t *testing.T, h *servertest.Harness, from func(string) context.Context) {
		put := func(address string) error {
			_, err := h.Cache.CacheTorrent(from(address), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.Random(1, 10_000)})
			return err
		}
		if err := put("203.0.113.9"); err != nil {
			t.Fatal(err)
		}
		servertest.WantRetry(t, put("203.0.113.9"), reason.RateLimited)
		if err := put("203.0.113.10"); err != nil {
			t.Error(err)
		}
	})
}

// Reads over the network are counted here. The doors have already counted their own reads.
func TestDownloadRate(t *testing.T) {
	servertest.OverLimited(t, limit.Settings{DownloadRate: 0.01}, func(t *testing.T, h *servertest.Harness, from func(string) context.Context) {
		hash := h.Put(t, torrenttest.Random(1, 10_000)).GetInfoHash()
		get := func() error {
			_, err := h.Cache.GetTorrent(from("203.0.113.9"), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
			return err
		}
		if err := get(); err != nil {
			t.Fatal(err)
		}
		if err := get(); t.Name() == "TestDownloadRate/network" {
			servertest.WantRetry(t, err, reason.RateLimited)
		} else if err != nil {
			t.Error(err)
		}
	})
}

// A caller with a key has no budget, but a rate of its own.
func TestLimitsOfAKey(t *testing.T) { synctest.Test(t, testLimitsOfAKey) } // a rate stands still meanwhile

func testLimitsOfAKey(t *testing.T) {
	limits := limit.New(limit.Settings{UploadRate: 0.01, KeyUploadRate: 0.2, HourlyBytes: 1})
	key := access.NewKey()
	entries := []access.Entry{{Name: "index", Roles: access.Write, Key: access.DigestOf(key)}}
	h := servertest.New(t, func(t *testing.T, chain rpc.Chain, services servertest.Services) grpc.ClientConnInterface {
		chain.Limits, chain.Access = limits, access.NewGate(access.New(access.Read|access.Write, entries))
		return servertest.InProcess(t, chain, services)
	}, func(o *servertest.Options) { o.Limits = limits })
	withKey := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key)
	for n, want := range []bool{true, true, false} {
		_, err := h.Cache.CacheTorrent(withKey, &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.Random(uint64(n), 10_000)})
		if ok := err == nil; ok != want {
			t.Fatalf("upload %d: %v", n, err)
		}
		if !want {
			servertest.WantRetry(t, err, reason.RateLimited)
		}
	}
}

// An upload whose message does not come to its end is cut off, and its place is
// free again.
func TestHalfSentUploadIsCutOff(t *testing.T) {
	limits := limit.New(limit.Settings{Uploads: 1, BodyTime: time.Nanosecond})
	h := servertest.New(t, func(t *testing.T, chain rpc.Chain, services servertest.Services) grpc.ClientConnInterface {
		chain.Limits = limits
		return servertest.OverNetwork(t, chain, services)
	}, func(o *servertest.Options) { o.Limits = limits })
	desc := &grpc.StreamDesc{ClientStreams: true}
	half, err := h.Conn.NewStream(t.Context(), desc, torrentcachev1.CacheService_CacheTorrent_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	for limits.Stats().Uploads == 0 { // until its header has arrived
		runtime.Gosched()
	}
	_, err = h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.Random(1, 10_000)})
	servertest.WantRetry(t, err, reason.Overloaded)
	limits.Tick(time.Now())
	if err := half.RecvMsg(&torrentcachev1.CacheTorrentResponse{}); err == nil {
		t.Error("an upload that never came is answered")
	}
	for limits.Stats().Uploads > 0 {
		runtime.Gosched()
	}
	h.Put(t, torrenttest.Random(1, 10_000))
	if refused := limits.Stats().Refused; refused["body_time"] != 1 || refused["uploads"] != 1 {
		t.Errorf("refused: %v", refused)
	}
}
