package rpc

import (
	"cmp"
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// minPing is the shortest time between two pings of a client on an idle connection. The server
// disconnects a client that pings more often.
const minPing = 10 * time.Second

// ClientPing is the interval at which a client may ping. It is longer than minPing, because a ping
// that was delayed arrives closer to the next one.
const ClientPing = minPing + 2*time.Second

// workers is how many goroutines wait for calls; further calls at the same time
// get new ones. In a new one each call grows its stack anew, which took 15-19 %
// of the server's time for torrents of 20 KB.
const workers = 64

// maxOtherMessage bounds a request that is no upload, in bytes: 10,000 info hashes have less.
const maxOtherMessage = 1 << 20

// maxHeaders bounds the metadata of a call, in bytes.
const maxHeaders = 16 << 10

// NewGRPC returns a gRPC server with the services that register registers, the
// health service and reflection, all through chain. Requests may have maxMessageSize bytes, and
// be compressed with gzip; answers are not. It works on a listener of its own, which secure
// protects (nil: it speaks plain text), and, as an http.Handler, on an HTTP/2 server.
func NewGRPC(chain Chain, secure credentials.TransportCredentials, maxMessageSize int, health grpc_health_v1.HealthServer, register func(grpc.ServiceRegistrar)) *grpc.Server {
	secure = cmp.Or(secure, insecure.NewCredentials())
	options := append(transportOptions(),
		grpc.MaxRecvMsgSize(maxMessageSize),
		grpc.InTapHandle(chain.tap),
		grpc.UnaryInterceptor(chain.network),
		grpc.StreamInterceptor(chain.Stream),
	)
	compressed := gzipCalls{limits: chain.Limits, largest: maxMessageSize}
	if chain.Limits == nil {
		options = append(options, grpc.Creds(secure), grpc.ForceServerCodecV2(wire.NewCodec(nil, 0)))
	} else {
		arriving := chain.Limits.Buffers(limit.Uploading)
		compressed.reserve = arriving.Reserve
		options = append(options, grpc.Creds(framed{secure, arriving}), grpc.ReadBufferSize(0), experimental.BufferPool(arriving),
			grpc.ForceServerCodecV2(wire.NewCodec(arriving.Reserve, maxOtherMessage)))
	}
	s := grpc.NewServer(append(options, compressed.options()...)...)
	register(s)
	grpc_health_v1.RegisterHealthServer(s, health)
	reflection.Register(s)
	return s
}

// framed are credentials of connections whose messages count, while they arrive, at the address
// from which they come.
type framed struct {
	credentials.TransportCredentials
	arriving *limit.Buffers
}

// ServerHandshake implements [credentials.TransportCredentials].
func (f framed) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := f.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	return f.arriving.Frames(c), info, nil
}

// transportOptions hold connections to account before a call exists.
func transportOptions() []grpc.ServerOption {
	const kib = 1 << 10
	return []grpc.ServerOption{
		// A call may hold a whole torrent in memory.
		grpc.MaxConcurrentStreams(256),
		grpc.NumStreamWorkers(workers),
		grpc.MaxHeaderListSize(maxHeaders),
		grpc.ConnectionTimeout(10 * time.Second),
		// With these buffers a torrent of 40-100 KB takes one or two system calls. With these
		// windows a typical torrent never waits for a window update, but many at once may.
		grpc.ReadBufferSize(64 * kib),
		grpc.WriteBufferSize(64 * kib),
		grpc.InitialWindowSize(1024 * kib),
		grpc.InitialConnWindowSize(4 * 1024 * kib),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 15 * time.Minute,
			Time:              time.Minute,
			Timeout:           20 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime:             minPing,
			PermitWithoutStream: true,
		}),
	}
}

// network is the interceptor of calls from the network with one request and one answer. The memory
// of the answer is given back when the transport has released the answer.
func (c Chain) network(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	answerPlain(ctx)
	if c.Limits == nil {
		return c.Unary(ctx, req, info, handler)
	}
	reserved := c.Limits.Reservation(limit.Caller{Addr: origin.FromContext(c.withOrigin(ctx))}, limit.Answering, ConnOf(ctx))
	answer, err := c.Unary(limit.WithReservation(ctx, reserved), req, info, handler)
	if err != nil {
		reserved.Release()
		return nil, err
	}
	return wire.Held{Message: answer, Free: reserved.Lend()}, nil
}
