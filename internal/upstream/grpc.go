package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// messageOverhead is how many bytes a message may have besides its torrent.
const messageOverhead = 64 << 10

// peer asks a torrentcache server by gRPC.
type peer struct {
	conn     *grpc.ClientConn
	torrents torrentcachev1.CacheServiceClient
	key      func() string // nil if there is none
}

// newPeer returns a peer that connects when it is first asked.
func newPeer(l Location, key func() string, g guard, secure *tls.Config, o Options) (*peer, error) {
	transport := insecure.NewCredentials()
	if secure != nil {
		transport = credentials.NewTLS(secure)
	}
	dialer, arriving := g.dialer(), o.Limits.Buffers(limit.Uploading)
	conn, err := grpc.NewClient("passthrough:///"+l.Address,
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}),
		grpc.WithNoProxy(),
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent(o.agent()),
		grpc.WithDisableServiceConfig(),
		experimental.WithBufferPool(arriving),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.NewCodec(arriving.Reserve, 0)),
			grpc.MaxCallRecvMsgSize(int(o.MaxTorrentSize)+messageOverhead),
		),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	)
	if err != nil {
		return nil, err
	}
	return &peer{conn: conn, torrents: torrentcachev1.NewCacheServiceClient(conn), key: key}, nil
}

// get implements source.
func (p *peer) get(ctx context.Context, id infohash.ID) ([]byte, error) {
	ctx = metadata.AppendToOutgoingContext(ctx, origin.LoopHeader, origin.LoopMark)
	if p.key != nil {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+p.key())
	}
	answer, err := p.torrents.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: id.String()})
	if err == nil {
		return answer.GetTorrent(), nil
	}
	e := reason.Of(err)
	switch {
	case e.Reason == reason.TorrentNotFound && e.Unwrap() == nil:
		return nil, &failure{absent, nil}
	case e.Reason == reason.TorrentRemoved:
		return nil, &failure{gone, nil}
	case e.Reason == reason.TorrentTooLarge:
		return nil, &failure{tooLarge, nil}
	case e.Reason == reason.Overloaded && e.Unwrap() != nil: // no server has answered
		return nil, &failure{unreachable, e.Unwrap()}
	}
	return nil, &failure{badStatus, e}
}
