// Package nodes connects an edge to the servers behind it: one gRPC connection over several nodes
// that serve the same torrents.
//
// Calls go round robin over all addresses of all names. A node that reports by grpc.health that it
// does not serve gets no calls. If no node reports that it serves, all get calls, because they may
// still answer some. A failed call that only reads is repeated at another node, see [Dial].
package nodes

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	_ "google.golang.org/grpc/health" // lets the client ask nodes for their health
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"

	"github.com/torrentcache/torrentcache/internal/wire"
)

// pingTimeout bounds the wait for the answer to a ping. A node that is gone silently, because its
// machine is off or cut off, is noticed after at most Ping plus pingTimeout, or after pingTimeout
// if a call is in flight.
const pingTimeout = 5 * time.Second

// Options say how nodes are reached. Ping and MaxMessageSize are required.
type Options struct {
	// Ping is the interval at which an idle connection is pinged. Nodes disconnect clients that
	// ping more often than they allow.
	Ping time.Duration
	// MaxMessageSize is the size of the largest answer accepted, in bytes.
	MaxMessageSize int
	// TLS configures the connections to the nodes. Each certificate is checked against the name in
	// the node's address. Nil means no encryption.
	TLS *tls.Config
	// Ailing also sends calls to nodes that report that they do not serve, because the operator's
	// commands must reach them.
	Ailing bool
	// FeedToken returns the key that is sent with the calls of SyncService, which the edge makes
	// for itself. No key is sent if it is empty. All other calls are users' calls and carry users'
	// credentials.
	FeedToken func() string // nil: no key is sent
	// Arriving lends the memory in which answers arrive. Reserve reserves the memory of each
	// torrent. Nil means that this memory is not counted.
	Arriving mem.BufferPool
	Reserve  wire.Reserve
}

// Dial returns a connection to the nodes at addresses, each HOST:PORT. The connection is made when
// it is first used, and again whenever it was lost. A name stands for all of its addresses. The
// error is about the options alone.
//
// A call that only reads (idempotency_level NO_SIDE_EFFECTS in the API) is repeated if the answer
// is UNAVAILABLE or does not come within five seconds. It is made at most three times. So a reader
// sees no error when a node dies. Uploads are not repeated: an upload without an answer may have
// been stored, and its caller would then be told that the torrent was there before. (grpc itself
// repeats a call that was never sent.) Streams are not repeated either.
func Dial(addresses []string, o Options) (*Conn, error) {
	config := healthyConfig
	if o.Ailing {
		config = anyConfig
	}
	healthy, err := dial(&builder{addresses: addresses, config: config}, o)
	if err != nil {
		return nil, err
	}
	any, err := dial(&builder{addresses: addresses, config: anyConfig}, o)
	if err != nil {
		return nil, errors.Join(err, healthy.Close())
	}
	return &Conn{healthy: healthy, any: any, reads: newRepeater()}, nil
}

func dial(b *builder, o Options) (*grpc.ClientConn, error) {
	const window, bufferSize = 1 << 20, 64 << 10 // as the server's
	transport := insecure.NewCredentials()
	if o.TLS != nil {
		transport = credentials.NewTLS(o.TLS)
	}
	arriving := o.Arriving
	if arriving == nil {
		arriving = mem.DefaultBufferPool()
	}
	return grpc.NewClient(scheme+":///nodes",
		experimental.WithBufferPool(arriving),
		grpc.WithResolvers(b),
		grpc.WithTransportCredentials(transport),
		grpc.WithStreamInterceptor(feedToken(o.FeedToken)),
		grpc.WithDisableRetry(), // repeater repeats calls instead
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.NewCodec(o.Reserve, 0)),
			grpc.MaxCallRecvMsgSize(o.MaxMessageSize),
		),
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(4*window),
		grpc.WithReadBufferSize(bufferSize),
		grpc.WithWriteBufferSize(bufferSize),
		// grpc's own bound of two minutes is too long a wait for a node that is back.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: pingTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: o.Ping, Timeout: pingTimeout, PermitWithoutStream: true}),
	)
}

// Conn is a connection to the nodes. It is safe for concurrent use.
type Conn struct {
	healthy *grpc.ClientConn // to the nodes that report that they serve
	any     *grpc.ClientConn // to all nodes; connects when it is first used
	reads   *repeater
}

var _ grpc.ClientConnInterface = (*Conn)(nil)

// use returns the connection for a call. While no node reports that it serves, as when the store
// behind all of them is away, each node may still answer some calls.
func (c *Conn) use() *grpc.ClientConn {
	if c.healthy.GetState() == connectivity.TransientFailure {
		return c.any
	}
	return c.healthy
}

// Invoke implements [grpc.ClientConnInterface].
func (c *Conn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return c.reads.do(ctx, method, func(ctx context.Context) error {
		return c.use().Invoke(ctx, method, args, reply, opts...)
	})
}

// NewStream implements [grpc.ClientConnInterface].
func (c *Conn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return c.use().NewStream(ctx, desc, method, opts...)
}

// Close ends the connection and all calls over it.
func (c *Conn) Close() error { return errors.Join(c.healthy.Close(), c.any.Close()) }

// WithKey returns a connection that sends key with each call over conn, or conn itself if key is
// empty.
func WithKey(conn grpc.ClientConnInterface, key string) grpc.ClientConnInterface {
	if key == "" {
		return conn
	}
	return keyedConn{conn, key}
}

// keyedConn sends a key with each call.
type keyedConn struct {
	grpc.ClientConnInterface
	key string
}

// Invoke implements [grpc.ClientConnInterface].
func (c keyedConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return c.ClientConnInterface.Invoke(c.shown(ctx), method, args, reply, opts...)
}

// NewStream implements [grpc.ClientConnInterface].
func (c keyedConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return c.ClientConnInterface.NewStream(c.shown(ctx), desc, method, opts...)
}

func (c keyedConn) shown(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.key)
}
