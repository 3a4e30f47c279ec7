package rpc_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

func TestPanicIsAnInternalError(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		h.Store.SetPut(func(context.Context, []store.Item) []store.Result { panic("secret") })
		req := &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")}
		_, err := h.Cache.CacheTorrent(t.Context(), req)
		servertest.WantReason(t, err, reason.Internal)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the panic reached the client: %v", err)
		}
		h.WantLog(t, true, "secret", "/torrentcache.v1.CacheService/CacheTorrent", "chain_test.go")

		h.Store.SetPut(nil)
		if _, err := h.Cache.CacheTorrent(t.Context(), req); err != nil {
			t.Errorf("after the panic: %v", err)
		}
	})
}

func TestCancelledUpload(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		h.Store.SetPut(func(ctx context.Context, _ []store.Item) []store.Result {
			cancel()
			<-ctx.Done()
			return []store.Result{{Err: ctx.Err()}}
		})
		_, err := h.Cache.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")})
		if status.Code(err) != codes.Canceled {
			t.Errorf("got %v, want Canceled", err)
		}
		if call := <-h.Calls; call.Code != codes.Canceled {
			t.Errorf("observed %s, want Canceled", call.Code)
		}
		h.WantLog(t, false)
		h.Store.SetPut(nil)
		h.Put(t, torrenttest.V1("a"))
	})
}

func TestMessageOverTheLimit(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		_, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: make([]byte, servertest.MaxSize+64<<10)})
		if status.Code(err) != codes.ResourceExhausted || reason.Of(err).Reason != reason.TorrentTooLarge {
			t.Errorf("got %v, want RESOURCE_EXHAUSTED, which callers take for TORRENT_TOO_LARGE", err)
		}
		stream, err := h.Cache.CacheTorrents(t.Context())
		if err == nil {
			err = stream.Send(&torrentcachev1.CacheTorrentsRequest{Torrent: make([]byte, servertest.MaxSize+64<<10)})
		}
		if err == nil {
			_, err = stream.Recv()
		}
		if err == nil {
			t.Error("a stream took a message over the limit")
		}
	})
}

func TestUnknownMethod(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		for _, method := range []string{"/torrentcache.v1.CacheService/Nothing", "/nothing.Service/Nothing"} {
			err := h.Conn.Invoke(t.Context(), method, &torrentcachev1.GetStatsRequest{}, &torrentcachev1.GetStatsResponse{})
			if status.Code(err) != codes.Unimplemented {
				t.Errorf("%s: got %v, want UNIMPLEMENTED", method, err)
			}
		}
	})
}

func TestObserveSeesEachCall(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.V1("a")
		req := &torrentcachev1.CacheTorrentRequest{Torrent: torrent}
		answer := h.Put(t, torrent)
		_, _ = h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: "x"})
		stream, err := h.Admin.VerifyStore(t.Context(), &torrentcachev1.VerifyStoreRequest{MaxBytesPerSecond: 7})
		_ = servertest.FirstError(stream, err)

		got := []rpc.Call{<-h.Calls, <-h.Calls, <-h.Calls}
		for i := range got {
			if got[i].Duration < 0 {
				t.Errorf("duration %s", got[i].Duration)
			}
			if got[i].Begin.IsZero() || got[i].Addr != origin.Local || got[i].Local == strings.HasSuffix(t.Name(), "/network") {
				t.Errorf("%+v", got[i])
			}
			got[i].Duration, got[i].Begin, got[i].Addr, got[i].Local = 0, time.Time{}, netip.Addr{}, false
		}
		want := []rpc.Call{
			{Method: "/torrentcache.v1.CacheService/CacheTorrent", Code: codes.OK, BytesIn: proto.Size(req), BytesOut: proto.Size(answer), InfoHash: answer.GetInfoHash()},
			{Method: "/torrentcache.v1.CacheService/GetTorrent", Code: codes.InvalidArgument, Reason: reason.HashMalformed, BytesIn: 3, InfoHash: "x"},
			{Method: "/torrentcache.v1.AdminService/VerifyStore", Code: codes.Unimplemented, Reason: reason.Unimplemented, BytesIn: 2},
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	})
}

func TestQuitEndsServerStreams(t *testing.T) {
	h := servertest.New(t, servertest.OverNetwork)
	stream, err := grpc_health_v1.NewHealthClient(h.Conn).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := stream.Recv(); err != nil || first.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatalf("got %v, %v", first, err)
	}
	close(h.Quit)
	if _, err := stream.Recv(); err == nil {
		t.Error("the stream goes on")
	}
}

func TestInProcessSharesTheBytes(t *testing.T) {
	h := servertest.New(t, servertest.InProcess)
	torrent := torrenttest.V1("a")
	hash := h.Put(t, torrent).GetInfoHash()
	stored, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if err != nil {
		t.Fatal(err)
	}
	if &stored.GetTorrent()[0] != &again.GetTorrent()[0] {
		t.Error("the torrent was copied")
	}
}
