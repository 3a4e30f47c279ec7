package rpc_test

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/server/servertest"
)

// The table of calls has every method of every service, with a role, and no others.
func TestEveryCallIsInTheTable(t *testing.T) {
	s := grpc.NewServer()
	srv := server.New(server.Options{})
	servertest.Services{Server: srv, Operator: admin.New(srv, admin.Options{})}.Register(s)
	var registered []string
	for name, service := range s.GetServiceInfo() {
		for _, method := range service.Methods {
			full := "/" + name + "/" + method.Name
			registered = append(registered, full)
			forAll := full == torrentcachev1.CacheService_DescribeServer_FullMethodName
			if call, ok := access.CallOf(full); !ok || (call.Role == 0) != forAll {
				t.Errorf("%s is not in the table, or needs the role %s", full, call.Role)
			}
			if call, _ := access.CallOf(full); (call.Class == access.Unlimited) != (call.Role == access.Admin) {
				t.Errorf("%s is of class %d and for the role %s: the operator's calls are not limited, all others are", full, call.Class, call.Role)
			}
		}
	}
	table := access.Methods()
	slices.Sort(registered)
	slices.Sort(table)
	if !slices.Equal(registered, table) {
		t.Errorf("registered are\n%q\nthe table has\n%q", registered, table)
	}
}

func TestCallsNeedTheirRole(t *testing.T) {
	servertest.OverGated(t, access.Read, func(t *testing.T, h *servertest.Harness, _ *access.Gate, key func(access.Roles) context.Context) {
		upload := &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")}
		_, err := h.Cache.CacheTorrent(t.Context(), upload)
		servertest.WantReason(t, err, reason.Unauthenticated)
		_, err = h.Cache.CacheTorrent(key(access.Read), upload)
		servertest.WantReason(t, err, reason.PermissionDenied)
		_, err = h.Cache.CacheTorrent(metadata.AppendToOutgoingContext(key(access.Write), "authorization", "Bearer x"), upload)
		servertest.WantReason(t, err, reason.Unauthenticated)
		cached, err := h.Cache.CacheTorrent(key(access.Write), upload)
		if err != nil {
			t.Fatal(err)
		}
		get := &torrentcachev1.GetTorrentRequest{InfoHash: cached.GetInfoHash()}
		if _, err := h.Cache.GetTorrent(t.Context(), get); err != nil {
			t.Error(err)
		}
		_, err = h.Cache.GetTorrent(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x"), get)
		servertest.WantReadReason(t, err, reason.Unauthenticated)
		_, err = h.Admin.GetStats(key(access.Write), &torrentcachev1.GetStatsRequest{})
		servertest.WantReason(t, err, reason.PermissionDenied)
		if _, err = h.Admin.GetStats(key(access.Admin), &torrentcachev1.GetStatsRequest{}); err != nil {
			t.Error(err)
		}
		stream, err := h.Cache.CacheTorrents(t.Context())
		if err == nil {
			_, err = stream.Recv()
		}
		servertest.WantReason(t, err, reason.Unauthenticated)
	})
}

// A client that may not upload is told so before its message is received.
func TestUploadIsRefusedBeforeItsMessage(t *testing.T) {
	h := servertest.NewGated(t, servertest.OverNetwork, access.NewGate(access.New(access.Read, nil)))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := h.Conn.NewStream(ctx, &grpc.StreamDesc{}, torrentcachev1.CacheService_CacheTorrent_FullMethodName)
	if err == nil {
		err = stream.RecvMsg(&torrentcachev1.CacheTorrentResponse{})
	}
	servertest.WantReason(t, err, reason.Unauthenticated)
	if call := <-h.Calls; call.Code != codes.Unauthenticated {
		t.Errorf("observed %+v", call)
	}
}

func TestHealthIsForEverybody(t *testing.T) {
	gate := access.NewGate(access.New(0, nil))
	h := servertest.NewGated(t, servertest.OverNetwork, gate)
	wrong := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x")
	if _, err := grpc_health_v1.NewHealthClient(h.Conn).Check(wrong, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}

func TestRoleByAddress(t *testing.T) {
	entries := []access.Entry{{Name: "here", Roles: access.Write, Network: netip.MustParsePrefix("127.0.0.0/8")}}
	h := servertest.NewGated(t, servertest.OverNetwork, access.NewGate(access.New(0, entries)))
	h.Put(t, torrenttest.V1("a"))
}

// Doors keep answers for others only if everybody may have them.
func TestAnswersThatAreNotForEverybody(t *testing.T) {
	for _, c := range []struct {
		anonymous access.Roles
		want      string
	}{{access.Read, "[]"}, {0, "[private]"}} {
		servertest.OverGated(t, c.anonymous, func(t *testing.T, h *servertest.Harness, _ *access.Gate, key func(access.Roles) context.Context) {
			cached, err := h.Cache.CacheTorrent(key(access.Write), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")})
			if err != nil {
				t.Fatal(err)
			}
			var header metadata.MD
			_, err = h.Cache.GetTorrent(key(access.Read), &torrentcachev1.GetTorrentRequest{InfoHash: cached.GetInfoHash()}, grpc.Header(&header))
			if got := fmt.Sprint(header.Get("cache-control")); err != nil || got != c.want {
				t.Errorf("anonymous has %s: cache-control %s, %v", c.anonymous, got, err)
			}
			feed, err := torrentcachev1.NewSyncServiceClient(h.Conn).WatchChanges(key(access.Sync), &torrentcachev1.WatchChangesRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if header, err = feed.Header(); err != nil || fmt.Sprint(header.Get("cache-control")) != c.want {
				t.Errorf("anonymous has %s: the feed's header %v, %v", c.anonymous, header, err)
			}
		})
	}
}

// A stream ends when its caller's key is withdrawn, and only then.
func TestWithdrawnKeyEndsStreams(t *testing.T) {
	servertest.OverGated(t, access.Read, func(t *testing.T, h *servertest.Harness, gate *access.Gate, key func(access.Roles) context.Context) {
		feed, err := torrentcachev1.NewSyncServiceClient(h.Conn).WatchChanges(key(access.Sync), &torrentcachev1.WatchChangesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		uploads, err := h.Cache.CacheTorrents(key(access.Write))
		if err != nil {
			t.Fatal(err)
		}
		send := func(name string) error {
			if err := uploads.Send(&torrentcachev1.CacheTorrentsRequest{Torrent: torrenttest.V1(name)}); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			_, err := uploads.Recv() // says why Send cannot
			return err
		}
		if _, err := feed.Recv(); err != nil {
			t.Fatal(err)
		}
		if err := send("a"); err != nil {
			t.Fatal(err)
		}
		same, _ := gate.Policy()
		gate.Set(same)
		if err := send("b"); err != nil {
			t.Fatalf("the same keys again end a stream: %v", err)
		}
		gate.Set(access.New(access.Read, nil))
		for err = nil; err == nil; {
			_, err = feed.Recv()
		}
		servertest.WantReason(t, err, reason.Unauthenticated)
		// The streams hear of it one after the other, so this one may take some more.
		for n := 0; err == nil || n == 0; n++ {
			err = send(fmt.Sprint(n))
		}
		servertest.WantReason(t, err, reason.Unauthenticated)
	})
}
