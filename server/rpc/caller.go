package rpc

import (
	"context"
	"net/netip"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// Caller is the caller of ctx, for the limits.
func Caller(ctx context.Context) limit.Caller {
	c := limit.Caller{Addr: origin.FromContext(ctx)}
	if who := access.FromContext(ctx); who.Name != access.Anonymous {
		c.Name = who.Name
	}
	return c
}

// ConnOf returns the connection by which a call came, nil if it is not known.
func ConnOf(ctx context.Context) *limit.Conn {
	if from, ok := peer.FromContext(ctx); ok {
		return limit.ConnOf(from.Addr)
	}
	return nil
}

// FromDoor reports whether the call of ctx came from within the process.
func FromDoor(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	return ok && p.Addr.Network() == inProcessNetwork
}

// isLocal reports whether a call comes from within the process: through its connection, or without
// one, which has no peer.
func isLocal(ctx context.Context) bool {
	from, ok := peer.FromContext(ctx)
	return !ok || from.Addr.Network() == inProcessNetwork
}

// doors are the callers in this process, whose word on the client is believed.
var doors = origin.Proxies{netip.PrefixFrom(origin.Local, origin.Local.BitLen())}

// withOrigin returns the context of a call with the address of its client (see
// [origin.FromContext]). A door passes the address on as metadata, under the names of the HTTP
// headers, which proxies for gRPC use as well. A call from within the process that names no client
// is the process's own.
func (c Chain) withOrigin(ctx context.Context) context.Context {
	proxies, from := c.Proxies, origin.Unknown
	if p, ok := peer.FromContext(ctx); ok {
		from = origin.PeerAddr(p.Addr)
		if p.Addr.Network() == inProcessNetwork {
			proxies, from = doors, origin.Local
		}
	}
	header := func(name string) []string { return metadata.ValueFromIncomingContext(ctx, name) }
	return origin.NewContext(ctx, proxies.Client(from, header("x-forwarded-for"), header("forwarded")))
}
