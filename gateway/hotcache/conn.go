package hotcache

import (
	"context"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
)

// Conn returns inner, except that a torrent uploaded through it by CacheTorrent
// is invalidated in c before the call returns: a client that uploads at a door
// and then downloads there gets its upload, even before the feed tells of it.
func (c *Cache) Conn(inner grpc.ClientConnInterface) grpc.ClientConnInterface {
	return &conn{ClientConnInterface: inner, cache: c}
}

type conn struct {
	grpc.ClientConnInterface
	cache *Cache
}

// Invoke implements [grpc.ClientConnInterface].
func (c *conn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	if cached, ok := reply.(*torrentcachev1.CacheTorrentResponse); ok && err == nil &&
		cached.GetOutcome() != torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED {
		c.cache.Invalidate(infohash.SetOf(cached.GetInfoHashV1(), cached.GetInfoHashV2()))
	}
	return err
}
