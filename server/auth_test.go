package server_test

import (
	"bytes"
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
)

// The table of calls has every method of every service, with a role, and no others.
func TestEveryCallIsInTheTable(t *testing.T) {
	s := grpc.NewServer()
	registerAll(server.New(server.Options{}))(s)
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

// overGated is overBoth with a gate, and a key for each role.
func overGated(t *testing.T, anonymous access.Roles, test func(t *testing.T, h *harness, gate *access.Gate, key func(access.Roles) context.Context)) {
	t.Helper()
	for name, connect := range map[string]connector{"network": overNetwork, "in process": inProcess} {
		t.Run(name, func(t *testing.T) {
			var entries []access.Entry
			keys := map[access.Roles]string{}
			for _, role := range []access.Roles{access.Read, access.Write, access.Sync, access.Admin} {
				keys[role] = access.NewKey()
				entries = append(entries, access.Entry{Name: role.String(), Roles: role, Key: access.DigestOf(keys[role])})
			}
			gate := access.NewGate(access.New(anonymous, entries))
			h := newGatedHarness(t, connect, gate, func(*server.Options) {})
			test(t, h, gate, func(role access.Roles) context.Context {
				return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+keys[role])
			})
		})
	}
}

func TestCallsNeedTheirRole(t *testing.T) {
	overGated(t, access.Read, func(t *testing.T, h *harness, _ *access.Gate, key func(access.Roles) context.Context) {
		upload := &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")}
		_, err := h.cache.CacheTorrent(t.Context(), upload)
		wantReason(t, err, reason.Unauthenticated)
		_, err = h.cache.CacheTorrent(key(access.Read), upload)
		wantReason(t, err, reason.PermissionDenied)
		_, err = h.cache.CacheTorrent(metadata.AppendToOutgoingContext(key(access.Write), "authorization", "Bearer x"), upload)
		wantReason(t, err, reason.Unauthenticated)
		cached, err := h.cache.CacheTorrent(key(access.Write), upload)
		if err != nil {
			t.Fatal(err)
		}
		get := &torrentcachev1.GetTorrentRequest{InfoHash: cached.GetInfoHash()}
		if _, err := h.cache.GetTorrent(t.Context(), get); err != nil {
			t.Error(err)
		}
		_, err = h.cache.GetTorrent(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x"), get)
		wantReadReason(t, err, reason.Unauthenticated)
		_, err = h.admin.GetStats(key(access.Write), &torrentcachev1.GetStatsRequest{})
		wantReason(t, err, reason.PermissionDenied)
		if _, err = h.admin.GetStats(key(access.Admin), &torrentcachev1.GetStatsRequest{}); err != nil {
			t.Error(err)
		}
		stream, err := h.cache.CacheTorrents(t.Context())
		if err == nil {
			_, err = stream.Recv()
		}
		wantReason(t, err, reason.Unauthenticated)
	})
}

// Who may not upload is told before the message is taken in.
func TestUploadIsRefusedBeforeItsMessage(t *testing.T) {
	h := newGatedHarness(t, overNetwork, access.NewGate(access.New(access.Read, nil)), func(*server.Options) {})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := h.conn.NewStream(ctx, &grpc.StreamDesc{}, torrentcachev1.CacheService_CacheTorrent_FullMethodName)
	if err == nil {
		err = stream.RecvMsg(&torrentcachev1.CacheTorrentResponse{})
	}
	wantReason(t, err, reason.Unauthenticated)
	if call := <-h.calls; call.Code != codes.Unauthenticated {
		t.Errorf("observed %+v", call)
	}
}

func TestHealthIsForEverybody(t *testing.T) {
	gate := access.NewGate(access.New(0, nil))
	h := newGatedHarness(t, overNetwork, gate, func(*server.Options) {})
	wrong := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x")
	if _, err := grpc_health_v1.NewHealthClient(h.conn).Check(wrong, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}

func TestRoleByAddress(t *testing.T) {
	entries := []access.Entry{{Name: "here", Roles: access.Write, Network: netip.MustParsePrefix("127.0.0.0/8")}}
	h := newGatedHarness(t, overNetwork, access.NewGate(access.New(0, entries)), func(*server.Options) {})
	h.put(t, torrenttest.V1("a"))
}

// Doors keep answers for others only if everybody may have them.
func TestAnswersThatAreNotForEverybody(t *testing.T) {
	for _, c := range []struct {
		anonymous access.Roles
		want      string
	}{{access.Read, "[]"}, {0, "[private]"}} {
		overGated(t, c.anonymous, func(t *testing.T, h *harness, _ *access.Gate, key func(access.Roles) context.Context) {
			cached, err := h.cache.CacheTorrent(key(access.Write), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")})
			if err != nil {
				t.Fatal(err)
			}
			var header metadata.MD
			_, err = h.cache.GetTorrent(key(access.Read), &torrentcachev1.GetTorrentRequest{InfoHash: cached.GetInfoHash()}, grpc.Header(&header))
			if got := fmt.Sprint(header.Get("cache-control")); err != nil || got != c.want {
				t.Errorf("anonymous has %s: cache-control %s, %v", c.anonymous, got, err)
			}
			feed, err := torrentcachev1.NewSyncServiceClient(h.conn).WatchChanges(key(access.Sync), &torrentcachev1.WatchChangesRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if header, err = feed.Header(); err != nil || fmt.Sprint(header.Get("cache-control")) != c.want {
				t.Errorf("anonymous has %s: the feed's header %v, %v", c.anonymous, header, err)
			}
		})
	}
}

// An upload with a key replaces what an anonymous one put, not the other way round.
func TestWriterWithAKeyOutranksOthers(t *testing.T) {
	overGated(t, access.Read|access.Write, func(t *testing.T, h *harness, _ *access.Gate, key func(access.Roles) context.Context) {
		anonymous, keyed, late := withOuterKey("x1"), withOuterKey("x2"), withOuterKey("x3")
		upload := func(ctx context.Context, torrent []byte, want torrentcachev1.Outcome) string {
			t.Helper()
			answer, err := h.cache.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
			if err != nil || answer.GetOutcome() != want {
				t.Fatalf("%v, %v", answer, err)
			}
			return answer.GetInfoHash()
		}
		upload(t.Context(), anonymous, torrentcachev1.Outcome_OUTCOME_CREATED)
		hash := upload(key(access.Write), keyed, torrentcachev1.Outcome_OUTCOME_REPLACED)
		upload(t.Context(), late, torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED)
		upload(key(access.Write), late, torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED)
		got, err := h.cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		if err != nil || !bytes.Equal(got.GetTorrent(), keyed) {
			t.Errorf("the writer's torrent is not what is stored: %v", err)
		}
	})
}

// withOuterKey returns one torrent, always of the same info hash, with that key of
// two letters beside the info dictionary.
func withOuterKey(key string) []byte {
	return fmt.Appendf(bytes.TrimSuffix(torrenttest.V1("a"), []byte("e")), "2:%s1:xe", key)
}

// A stream ends when its caller's key is withdrawn, and only then.
func TestWithdrawnKeyEndsStreams(t *testing.T) {
	overGated(t, access.Read, func(t *testing.T, h *harness, gate *access.Gate, key func(access.Roles) context.Context) {
		feed, err := torrentcachev1.NewSyncServiceClient(h.conn).WatchChanges(key(access.Sync), &torrentcachev1.WatchChangesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		uploads, err := h.cache.CacheTorrents(key(access.Write))
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
		wantReason(t, err, reason.Unauthenticated)
		// The streams hear of it one after the other, so this one may take some more.
		for n := 0; err == nil || n == 0; n++ {
			err = send(fmt.Sprint(n))
		}
		wantReason(t, err, reason.Unauthenticated)
	})
}
