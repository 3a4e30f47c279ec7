package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/torrentcache/torrentcache/internal/wire"
	"github.com/torrentcache/torrentcache/server"
)

// backendPolicy spreads calls over all addresses of the backend's name, and
// repeats calls that only read. Uploads are not repeated: one that was answered
// UNAVAILABLE may have been stored, and its caller would be told that it had
// been there before. (grpc itself repeats any call that never left.)
const backendPolicy = `{
  "loadBalancingConfig": [{"round_robin": {}}],
  "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
  "methodConfig": [{
    "name": [
      {"service": "torrentcache.v1.CacheService", "method": "GetTorrent"},
      {"service": "torrentcache.v1.CacheService", "method": "DescribeTorrent"},
      {"service": "torrentcache.v1.CacheService", "method": "FindMissingTorrents"}
    ],
    "retryPolicy": {
      "maxAttempts": 3,
      "initialBackoff": "0.05s",
      "maxBackoff": "0.5s",
      "backoffMultiplier": 3,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
}`

// dial returns a connection to a gRPC server, made when it is first used and
// again whenever it was lost.
func dial(address string, maxTorrentSize int64) (*grpc.ClientConn, error) {
	const window, bufferSize = 1 << 20, 64 << 10 // as the server's
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(backendPolicy),
		grpc.WithDisableServiceConfig(), // DNS has no say in how calls are repeated
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.NewCodec()),
			grpc.MaxCallRecvMsgSize(server.MaxMessageSize(maxTorrentSize)),
		),
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(4*window),
		grpc.WithReadBufferSize(bufferSize),
		grpc.WithWriteBufferSize(bufferSize),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time:                2 * server.MinClientPing,
			Timeout:             server.MinClientPing,
			PermitWithoutStream: true,
		}),
	)
}

// backendCheck asks the backend whether it can serve.
func backendCheck(conn grpc.ClientConnInterface) func(context.Context) error {
	health := grpc_health_v1.NewHealthClient(conn)
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		answer, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		if err == nil && answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			err = fmt.Errorf("the backend is %s", answer.GetStatus())
		}
		return err
	}
}
