package server_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
)

// overLimited runs test over the network and in process with these limits; calls
// with the context that from returns come from that address.
func overLimited(t *testing.T, s limit.Settings, test func(t *testing.T, h *harness, from func(string) context.Context)) {
	t.Helper()
	for name, connect := range map[string]connector{"network": overNetwork, "in process": inProcess} {
		t.Run(name, func(t *testing.T) {
			limits := limit.New(s)
			h := newHarnessWith(t, func(t *testing.T, chain server.Chain, srv *server.Server) grpc.ClientConnInterface {
				chain.Limits = limits
				if err := (*origin.Networks)(&chain.Proxies).Set("127.0.0.0/8"); err != nil {
					t.Fatal(err)
				}
				return connect(t, chain, srv)
			}, func(o *server.Options) { o.Limits = limits })
			test(t, h, func(address string) context.Context {
				return metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", address)
			})
		})
	}
}

// wantRetry checks that err says when to come again, as clients of any language
// are told.
func wantRetry(t *testing.T, err error, r reason.Reason) {
	t.Helper()
	wantReason(t, err, r)
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok && info.GetRetryDelay().AsDuration() > 0 {
			return
		}
	}
	t.Errorf("no RetryInfo in %v", err)
}

func random(n int) []byte { return torrenttest.Random(uint64(n), 10_000) }

func TestBudgetOfNewBytes(t *testing.T) {
	overLimited(t, limit.Settings{HourlyBytes: 25_000}, func(t *testing.T, h *harness, from func(string) context.Context) {
		put := func(address string, n int) error {
			_, err := h.cache.CacheTorrent(from(address), &torrentcachev1.CacheTorrentRequest{Torrent: random(n)})
			return err
		}
		for n := range 2 {
			if err := put("203.0.113.9", n); err != nil {
				t.Fatal(err)
			}
		}
		wantRetry(t, put("203.0.113.9", 2), reason.RateLimited)
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
	overLimited(t, limit.Settings{HourlyBytes: 25_000, Streams: 1, StreamsPerAddress: 1}, func(t *testing.T, h *harness, from func(string) context.Context) {
		stream, err := h.cache.CacheTorrents(from("203.0.113.9"))
		if err != nil {
			t.Fatal(err)
		}
		reasons := map[uint64]string{}
		for n := range 4 {
			if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: uint64(n), Torrent: random(n % 3)}); err != nil {
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
		second, err := h.cache.CacheTorrents(from("203.0.113.9"))
		if err == nil {
			_, err = second.Recv()
		}
		wantRetry(t, err, reason.RateLimited)
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != io.EOF {
			t.Errorf("the end of the first stream: %v", err)
		}
	})
}

func TestUploadRate(t *testing.T) {
	overLimited(t, limit.Settings{UploadRate: 0.01}, func(t *testing.T, h *harness, from func(string) context.Context) {
		put := func(address string) error {
			_, err := h.cache.CacheTorrent(from(address), &torrentcachev1.CacheTorrentRequest{Torrent: random(1)})
			return err
		}
		if err := put("203.0.113.9"); err != nil {
			t.Fatal(err)
		}
		wantRetry(t, put("203.0.113.9"), reason.RateLimited)
		if err := put("203.0.113.10"); err != nil {
			t.Error(err)
		}
	})
}

// Reads of the network are counted here; those of doors were counted there.
func TestDownloadRate(t *testing.T) {
	overLimited(t, limit.Settings{DownloadRate: 0.01}, func(t *testing.T, h *harness, from func(string) context.Context) {
		hash := h.put(t, random(1)).GetInfoHash()
		get := func() error {
			_, err := h.cache.GetTorrent(from("203.0.113.9"), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
			return err
		}
		if err := get(); err != nil {
			t.Fatal(err)
		}
		if err := get(); t.Name() == "TestDownloadRate/network" {
			wantRetry(t, err, reason.RateLimited)
		} else if err != nil {
			t.Error(err)
		}
	})
}

// Who has a key has no budget, but a rate of its own.
func TestLimitsOfAKey(t *testing.T) { synctest.Test(t, testLimitsOfAKey) } // a rate stands still meanwhile

func testLimitsOfAKey(t *testing.T) {
	limits := limit.New(limit.Settings{UploadRate: 0.01, KeyUploadRate: 0.2, HourlyBytes: 1})
	key := access.NewKey()
	entries := []access.Entry{{Name: "index", Roles: access.Write, Key: access.DigestOf(key)}}
	h := newHarnessWith(t, func(t *testing.T, chain server.Chain, srv *server.Server) grpc.ClientConnInterface {
		chain.Limits, chain.Access = limits, access.NewGate(access.New(access.Read|access.Write, entries))
		return inProcess(t, chain, srv)
	}, func(o *server.Options) { o.Limits = limits })
	withKey := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key)
	for n, want := range []bool{true, true, false} {
		_, err := h.cache.CacheTorrent(withKey, &torrentcachev1.CacheTorrentRequest{Torrent: random(n)})
		if ok := err == nil; ok != want {
			t.Fatalf("upload %d: %v", n, err)
		}
		if !want {
			wantRetry(t, err, reason.RateLimited)
		}
	}
}

// An upload whose message does not come to its end is cut off, and its place is
// free again.
func TestHalfSentUploadIsCutOff(t *testing.T) {
	limits := limit.New(limit.Settings{Uploads: 1, BodyTime: time.Nanosecond})
	h := newHarnessWith(t, func(t *testing.T, chain server.Chain, srv *server.Server) grpc.ClientConnInterface {
		chain.Limits = limits
		return overNetwork(t, chain, srv)
	}, func(o *server.Options) { o.Limits = limits })
	desc := &grpc.StreamDesc{ClientStreams: true}
	half, err := h.conn.NewStream(t.Context(), desc, torrentcachev1.CacheService_CacheTorrent_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	for limits.Stats().Uploads == 0 { // until its header has arrived
		runtime.Gosched()
	}
	_, err = h.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: random(1)})
	wantRetry(t, err, reason.Overloaded)
	limits.Tick(time.Now())
	if err := half.RecvMsg(&torrentcachev1.CacheTorrentResponse{}); err == nil {
		t.Error("an upload that never came is answered")
	}
	for limits.Stats().Uploads > 0 {
		runtime.Gosched()
	}
	h.put(t, random(1))
	if refused := limits.Stats().Refused; refused["body_time"] != 1 || refused["uploads"] != 1 {
		t.Errorf("refused: %v", refused)
	}
}
