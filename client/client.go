package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// DefaultMaxTorrentSize is the size in bytes of the largest torrent that a
// server takes unless it is told otherwise.
const DefaultMaxTorrentSize = 10_000_000

// messageOverhead is how much larger than its torrent a message may be, in bytes.
const messageOverhead = 64 << 10

// Options say how to reach a server. The zero value is a server on this machine
// or in a private network: no TLS, no token.
type Options struct {
	// TLS, unless nil, makes the connection a TLS one.
	TLS *tls.Config
	// Token, unless empty, goes with each call as `Authorization: Bearer
	// TOKEN`, also without TLS: then anybody who sees the traffic sees the
	// token.
	Token string
	// MaxTorrentSize is the size in bytes of the largest torrent received and
	// pushed; 0 means [DefaultMaxTorrentSize].
	MaxTorrentSize int64
	// DialOptions are applied last.
	DialOptions []grpc.DialOption
}

// Client is a connection to a server. It is safe for concurrent use.
type Client struct {
	conn    *grpc.ClientConn
	rpc     torrentcachev1.CacheServiceClient
	sync    torrentcachev1.SyncServiceClient
	maxSize int64
}

// Dial returns a Client of the server at address, HOST:PORT or any other target
// of grpc. It does not connect yet; the error is about the options alone.
func Dial(address string, o Options) (*Client, error) {
	if o.MaxTorrentSize == 0 {
		o.MaxTorrentSize = DefaultMaxTorrentSize
	}
	conn, err := grpc.NewClient(address, append(dialOptions(o), o.DialOptions...)...)
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", address, err)
	}
	return &Client{
		conn: conn, rpc: torrentcachev1.NewCacheServiceClient(conn), sync: torrentcachev1.NewSyncServiceClient(conn), maxSize: o.MaxTorrentSize,
	}, nil
}

func dialOptions(o Options) []grpc.DialOption {
	const kib = 1 << 10
	transport := insecure.NewCredentials()
	if o.TLS != nil {
		transport = credentials.NewTLS(o.TLS)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(int(o.MaxTorrentSize) + messageOverhead)),
		withCodec(),
		// Windows and buffers fit torrents of typical sizes, many in flight.
		grpc.WithInitialWindowSize(1024 * kib),
		grpc.WithInitialConnWindowSize(4 * 1024 * kib),
		grpc.WithReadBufferSize(64 * kib),
		grpc.WithWriteBufferSize(128 * kib),
		// grpc's own bound of two minutes is too long to wait for a restarted server.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// Pings only while calls run; servers with grpc's defaults make the client
		// double the time by themselves.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 20 * time.Second}),
	}
	if o.Token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(o.Token)))
	}
	return options
}

// Close ends the connection and all calls over it.
func (c *Client) Close() error { return c.conn.Close() }

// RPC returns the generated client, for calls that this package has no method for.
func (c *Client) RPC() torrentcachev1.CacheServiceClient { return c.rpc }

// bearer is a token as grpc credentials.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity is false for servers on this machine or behind a
// tunnel.
func (bearer) RequireTransportSecurity() bool { return false }
