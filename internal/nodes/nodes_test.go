package nodes_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/nodes"
)

// patience bounds waits for events that surely come.
const patience = 60 * time.Second

// node is a server whose answers tests decide.
type node struct {
	torrentcachev1.UnimplementedCacheServiceServer
	torrentcachev1.UnimplementedSyncServiceServer
	address string
	server  *grpc.Server
	health  *health.Server
	gets    atomic.Int64
	puts    atomic.Int64
	get     atomic.Pointer[func(context.Context) (*torrentcachev1.GetTorrentResponse, error)]
	tokens  chan []string // of each watcher
}

func startNode(t *testing.T) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{address: l.Addr().String(), server: grpc.NewServer(), health: health.NewServer(), tokens: make(chan []string, 10)}
	n.health.SetServingStatus(torrentcachev1.CacheService_ServiceDesc.ServiceName, grpc_health_v1.HealthCheckResponse_SERVING)
	n.answer(func(context.Context) (*torrentcachev1.GetTorrentResponse, error) {
		return &torrentcachev1.GetTorrentResponse{Etag: n.address}, nil
	})
	torrentcachev1.RegisterCacheServiceServer(n.server, n)
	torrentcachev1.RegisterSyncServiceServer(n.server, n)
	grpc_health_v1.RegisterHealthServer(n.server, n.health)
	go n.server.Serve(l)
	t.Cleanup(n.server.Stop)
	return n
}

func (n *node) answer(get func(context.Context) (*torrentcachev1.GetTorrentResponse, error)) {
	n.get.Store(&get)
}

func (n *node) GetTorrent(ctx context.Context, _ *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	n.gets.Add(1)
	return (*n.get.Load())(ctx)
}

func (n *node) CacheTorrent(context.Context, *torrentcachev1.CacheTorrentRequest) (*torrentcachev1.CacheTorrentResponse, error) {
	n.puts.Add(1)
	return nil, status.Error(codes.Unavailable, "later")
}

func (n *node) WatchChanges(_ *torrentcachev1.WatchChangesRequest, stream grpc.ServerStreamingServer[torrentcachev1.WatchChangesResponse]) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	n.tokens <- md.Get("authorization")
	return stream.Send(&torrentcachev1.WatchChangesResponse{})
}

// dial returns a connection to the nodes, by the addresses given.
func dial(t *testing.T, o nodes.Options, addresses ...string) *nodes.Conn {
	t.Helper()
	o.Ping, o.MaxMessageSize = time.Minute, 1<<20
	conn, err := nodes.Dial(addresses, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func get(t *testing.T, conn *nodes.Conn) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := torrentcachev1.NewCacheServiceClient(conn).GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{})
	return got.GetEtag(), err
}

// answers waits until calls are answered by all these nodes, and by no others.
func answers(t *testing.T, conn *nodes.Conn, want ...*node) {
	t.Helper()
	for begun := time.Now(); ; {
		seen := map[string]int{}
		for range 20 {
			who, err := get(t, conn)
			if err != nil {
				t.Fatal(err)
			}
			seen[who]++
		}
		all := len(seen) == len(want)
		for _, n := range want {
			all = all && seen[n.address] > 0
		}
		if all {
			return
		}
		if time.Since(begun) > patience {
			t.Fatalf("answered by %v, want %d nodes", seen, len(want))
		}
	}
}

func TestAllNodesAreUsed(t *testing.T) {
	a, b := startNode(t), startNode(t)
	answers(t, dial(t, nodes.Options{}, a.address, b.address), a, b)
	_, port, _ := strings.Cut(a.address, ":")
	answers(t, dial(t, nodes.Options{}, "localhost:"+port, a.address, b.address), a, b)
}

func TestNodesThatDoNotServeAreLeftOut(t *testing.T) {
	a, b := startNode(t), startNode(t)
	both, one := dial(t, nodes.Options{}, a.address, b.address), dial(t, nodes.Options{}, a.address)
	answers(t, both, a, b)
	a.health.Shutdown()
	answers(t, both, b)
	answers(t, one, a) // there is nowhere else to go
	b.health.Shutdown()
	answers(t, both, a, b) // better than none
	a.health.Resume()
	answers(t, both, a)
	b.health.Resume()
	answers(t, both, a, b)
	b.server.Stop()
	answers(t, both, a)
}

func TestReadsAreRepeatedElsewhere(t *testing.T) {
	a, b := startNode(t), startNode(t)
	conn := dial(t, nodes.Options{}, a.address, b.address)
	answers(t, conn, a, b)
	fail := func(context.Context) (*torrentcachev1.GetTorrentResponse, error) {
		return nil, status.Error(codes.Unavailable, "the store is away")
	}
	a.answer(fail)
	for range 20 {
		if who, err := get(t, conn); err != nil || who != b.address {
			t.Fatalf("got %q, %v; want the other node's answer", who, err)
		}
	}
	b.answer(fail)
	before := a.gets.Load() + b.gets.Load()
	if _, err := get(t, conn); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want UNAVAILABLE", err)
	}
	if n := a.gets.Load() + b.gets.Load() - before; n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	for _, code := range []codes.Code{codes.NotFound, codes.Internal, codes.DataLoss, codes.ResourceExhausted} {
		before := a.gets.Load()
		a.answer(func(context.Context) (*torrentcachev1.GetTorrentResponse, error) {
			return nil, status.Error(code, "no")
		})
		if _, err := get(t, dial(t, nodes.Options{}, a.address)); status.Code(err) != code || a.gets.Load() != before+1 {
			t.Errorf("%s: got %v, asked %d times", code, err, a.gets.Load()-before)
		}
	}
}

// A node that takes calls and answers none costs a reader some seconds, not an error.
func TestReadsLeaveADeafNode(t *testing.T) {
	a, b := startNode(t), startNode(t)
	conn := dial(t, nodes.Options{}, a.address, b.address)
	answers(t, conn, a, b)
	a.answer(func(ctx context.Context) (*torrentcachev1.GetTorrentResponse, error) {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	})
	before := a.gets.Load()
	for a.gets.Load() == before {
		if who, err := get(t, conn); err != nil || who != b.address {
			t.Errorf("got %q, %v; want the other node's answer", who, err)
		}
	}
}

// Readers do not notice that a node is killed, not even those whose answers have begun.
func TestKilledNodeUnderLoad(t *testing.T) {
	a, b := startNode(t), startNode(t)
	conn := dial(t, nodes.Options{}, a.address, b.address)
	answers(t, conn, a, b) // or one may be done with all before the other is connected
	large := &torrentcachev1.GetTorrentResponse{Torrent: make([]byte, 100_000)}
	for _, n := range []*node{a, b} {
		n.answer(func(context.Context) (*torrentcachev1.GetTorrentResponse, error) { return large, nil })
	}
	before := a.gets.Load()
	done := make(chan error)
	for range 16 {
		go func() {
			for range 20 {
				if _, err := get(t, conn); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for a.gets.Load() < before+50 {
		time.Sleep(time.Millisecond)
	}
	a.server.Stop()
	for range 16 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestUploadsAreNotRepeated(t *testing.T) {
	a := startNode(t)
	cache := torrentcachev1.NewCacheServiceClient(dial(t, nodes.Options{}, a.address))
	_, err := cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: []byte("x")})
	if status.Code(err) != codes.Unavailable || a.puts.Load() != 1 {
		t.Errorf("got %v after %d attempts, want UNAVAILABLE after one", err, a.puts.Load())
	}
}

func TestFeedToken(t *testing.T) {
	a := startNode(t)
	feed, err := torrentcachev1.NewSyncServiceClient(dial(t, nodes.Options{FeedToken: func() string { return "secret" }}, a.address)).
		WatchChanges(t.Context(), &torrentcachev1.WatchChangesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Recv(); err != nil {
		t.Fatal(err)
	}
	if got := <-a.tokens; len(got) != 1 || got[0] != "Bearer secret" {
		t.Errorf("the feed's credentials are %q", got)
	}
}

// A name that leads nowhere is no harm beside one that does.
func TestUnknownName(t *testing.T) {
	a := startNode(t)
	answers(t, dial(t, nodes.Options{}, "no-such-host.invalid:1", a.address), a)
	if _, err := get(t, dial(t, nodes.Options{}, "no-such-host.invalid:1")); status.Code(err) != codes.Unavailable {
		t.Errorf("alone: got %v, want UNAVAILABLE", err)
	}
}

func TestAddressWithoutPort(t *testing.T) {
	conn, err := nodes.Dial([]string{"no port"}, nodes.Options{Ping: time.Minute, MaxMessageSize: 1})
	if err == nil {
		defer conn.Close()
		_, err = get(t, conn)
	}
	if err == nil {
		t.Error("an address without a port is taken")
	}
}
