package server

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// MinClientPing is the shortest time between two pings of a client on an idle
// connection. The server disconnects a client that pings more often.
const MinClientPing = 10 * time.Second

// workers is how many goroutines wait for calls; further calls at the same time
// get new ones. In a new one each call grows its stack anew, which took 15-19 %
// of the server's time for torrents of 20 KB.
const workers = 64

// maxOtherMessage bounds a request that is no upload, in bytes: 10,000 info hashes have less.
const maxOtherMessage = 1 << 20

// maxHeaders bounds the metadata of a call, in bytes.
const maxHeaders = 16 << 10

// NewGRPC returns a gRPC server with the services that register registers, the
// health service and reflection, all through chain. Requests may have
// maxMessageSize bytes, and be compressed with gzip; answers are not. It works on a listener of its own, which further options
// may be about, and, as an http.Handler, on an HTTP/2 server.
func NewGRPC(chain Chain, maxMessageSize int, health grpc_health_v1.HealthServer, register func(grpc.ServiceRegistrar), further ...grpc.ServerOption) *grpc.Server {
	options := append(transportOptions(),
		grpc.MaxRecvMsgSize(maxMessageSize),
		grpc.InTapHandle(chain.tap),
		grpc.UnaryInterceptor(chain.network),
		grpc.StreamInterceptor(chain.Stream),
	)
	compressed := gzipCalls{limits: chain.Limits, largest: maxMessageSize}
	if chain.Limits == nil {
		options = append(options, grpc.ForceServerCodecV2(wire.NewCodec(nil, 0)))
	} else {
		arriving := chain.Limits.Buffers(limit.Uploading)
		compressed.reserve = arriving.Reserve
		options = append(options, experimental.BufferPool(arriving), grpc.ForceServerCodecV2(wire.NewCodec(arriving.Reserve, maxOtherMessage)))
	}
	options = append(options, compressed.options()...)
	s := grpc.NewServer(append(options, further...)...)
	register(s)
	grpc_health_v1.RegisterHealthServer(s, health)
	reflection.Register(s)
	return s
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
		// A torrent of 40-100 KB goes through such a buffer in one or two system calls.
		// Windows: a typical torrent must not wait for the client's consent, many
		// at once may.
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
			MinTime:             MinClientPing,
			PermitWithoutStream: true,
		}),
	}
}
