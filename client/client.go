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
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec of all other messages
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// DefaultMaxTorrentSize is the size in bytes of the largest torrent that a server accepts by
// default.
const DefaultMaxTorrentSize = 10_000_000

// messageOverhead is how many bytes a message may have besides its torrent.
const messageOverhead = 64 << 10

// Options configure the connection to a server. The zero value is for a server on this machine or
// in a private network: no TLS, no token.
type Options struct {
	// TLS, unless nil, makes the connection use TLS.
	TLS *tls.Config
	// Token, unless empty, is sent with each call as `Authorization: Bearer TOKEN`. It is sent
	// without TLS too, and then anybody who sees the traffic sees the token.
	Token string
	// MaxTorrentSize is the size in bytes of the largest torrent received and
	// pushed; 0 means [DefaultMaxTorrentSize].
	MaxTorrentSize int64
	// DialOptions are applied after all others.
	DialOptions []grpc.DialOption
}

// Client is a connection to a server. It is safe for concurrent use.
type Client struct {
	conn    *grpc.ClientConn
	rpc     torrentcachev1.CacheServiceClient
	sync    torrentcachev1.SyncServiceClient
	maxSize int64
}

// Dial returns a Client of the server at address: HOST:PORT or any other target of gRPC. It does
// not connect yet. Its error is about address and options only.
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
		// These windows and buffers fit many torrents of typical size in flight.
		grpc.WithInitialWindowSize(1024 * kib),
		grpc.WithInitialConnWindowSize(4 * 1024 * kib),
		grpc.WithReadBufferSize(64 * kib),
		grpc.WithWriteBufferSize(128 * kib),
		// By default grpc waits up to two minutes, too long for a server that restarts.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// Pings are sent only while calls run. If a server has grpc's defaults and objects, the
		// client doubles the interval by itself.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 20 * time.Second}),
	}
	if o.Token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(o.Token)))
	}
	return options
}

// Close ends the connection and all calls over it.
func (c *Client) Close() error { return c.conn.Close() }

// RPC returns the generated client, for calls for which this package has no method.
func (c *Client) RPC() torrentcachev1.CacheServiceClient { return c.rpc }

// bearer is a token as grpc credentials.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

// RequireTransportSecurity returns false, so that the token also works without TLS, on this machine
// or through a tunnel.
func (bearer) RequireTransportSecurity() bool { return false }

// Field numbers of CacheTorrentsRequest.
const (
	itemIDField   = 1
	torrentField  = 2
	expectedField = 3
	fetchedField  = 4
)

// codec is grpc's protobuf codec, except that it sends the items of a stream without copying the
// torrents. The copy, into a buffer that grpc clears first, took a sixth of a push's processor
// time.
type codec struct{ encoding.CodecV2 }

// withCodec makes a connection use codec.
func withCodec() grpc.DialOption {
	return grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{encoding.GetCodecV2("proto")}))
}

// Marshal encodes a message. Its result shares the bytes of the torrent, which nobody changes.
func (c codec) Marshal(message any) (mem.BufferSlice, error) {
	item, ok := message.(*torrentcachev1.CacheTorrentsRequest)
	if !ok {
		return c.CodecV2.Marshal(message)
	}
	head := make([]byte, 0, 64+len(item.GetExpectedInfoHash()))
	if item.GetItemId() != 0 {
		head = protowire.AppendTag(head, itemIDField, protowire.VarintType)
		head = protowire.AppendVarint(head, item.GetItemId())
	}
	if item.GetExpectedInfoHash() != "" {
		head = protowire.AppendTag(head, expectedField, protowire.BytesType)
		head = protowire.AppendString(head, item.GetExpectedInfoHash())
	}
	if item.GetFetched() {
		head = protowire.AppendTag(head, fetchedField, protowire.VarintType)
		head = protowire.AppendVarint(head, 1)
	}
	// Fields may stand in any order, so the torrent comes last and is not copied.
	head = protowire.AppendTag(head, torrentField, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(len(item.GetTorrent())))
	return mem.BufferSlice{mem.SliceBuffer(head), mem.SliceBuffer(item.GetTorrent())}, nil
}
