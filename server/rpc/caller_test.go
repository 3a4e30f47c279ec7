package rpc_test

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/server/servertest"
)

// whereFrom is a CacheService that notes where its last call came from.
type whereFrom struct {
	torrentcachev1.UnimplementedCacheServiceServer
	client netip.Addr
}

func (w *whereFrom) GetTorrent(ctx context.Context, _ *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	w.client = origin.FromContext(ctx)
	return &torrentcachev1.GetTorrentResponse{}, nil
}

func (w *whereFrom) CacheTorrents(stream grpc.BidiStreamingServer[torrentcachev1.CacheTorrentsRequest, torrentcachev1.CacheTorrentsResponse]) error {
	w.client = origin.FromContext(stream.Context())
	return nil
}

// The server takes the address of a client from the connection, or from metadata if a door in this
// process or a trusted proxy sends it.
func TestCallsTellTheClientsAddress(t *testing.T) {
	loopback := origin.Proxies{netip.MustParsePrefix("127.0.0.0/8")}
	for name, c := range map[string]struct {
		connect func(*testing.T, rpc.Chain, *whereFrom) grpc.ClientConnInterface
		proxies origin.Proxies
		header  string
		want    netip.Addr
	}{
		"network":                       {whereFromNetwork, nil, "", origin.Local},
		"network, a stranger's header":  {whereFromNetwork, nil, "203.0.113.9", origin.Unknown},
		"network, a trusted proxy":      {whereFromNetwork, loopback, "203.0.113.9", netip.MustParseAddr("203.0.113.9")},
		"in process":                    {whereFromInProcess, nil, "", origin.Local},
		"in process, from a door":       {whereFromInProcess, nil, "203.0.113.9", netip.MustParseAddr("203.0.113.9")},
		"in process, unknown at a door": {whereFromInProcess, nil, "unknown", origin.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			service := &whereFrom{}
			client := torrentcachev1.NewCacheServiceClient(c.connect(t, rpc.Chain{Proxies: c.proxies}, service))
			ctx := t.Context()
			if c.header != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "x-forwarded-for", c.header)
			}
			if _, err := client.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{}); err != nil || service.client != c.want {
				t.Errorf("a call: %v, want %v (%v)", service.client, c.want, err)
			}
			service.client = netip.Addr{}
			stream, err := client.CacheTorrents(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); err == nil || service.client != c.want {
				t.Errorf("a stream: %v, want %v", service.client, c.want)
			}
		})
	}
}

func whereFromInProcess(_ *testing.T, chain rpc.Chain, w *whereFrom) grpc.ClientConnInterface {
	return rpc.InProcess(chain, servertest.MaxSize, func(r grpc.ServiceRegistrar) { torrentcachev1.RegisterCacheServiceServer(r, w) })
}

func whereFromNetwork(t *testing.T, chain rpc.Chain, w *whereFrom) grpc.ClientConnInterface {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := rpc.NewGRPC(chain, nil, servertest.MaxSize, health.NewServer(), func(r grpc.ServiceRegistrar) { torrentcachev1.RegisterCacheServiceServer(r, w) })
	go func() { _ = s.Serve(l) }() // until Stop
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		s.Stop()
	})
	return conn
}
