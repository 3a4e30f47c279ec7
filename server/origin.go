package server

import (
	"context"
	"net/netip"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// doors are the callers in this process, whose word on the client is believed.
var doors = origin.Proxies{netip.PrefixFrom(origin.Local, origin.Local.BitLen())}

// withOrigin returns the context of a call telling its client's address (see
// [origin.FromContext]). A door passes it on as metadata, under the names of the
// HTTP headers, which proxies for gRPC use as well. A call from within the process
// that names no client is the process's own.
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
