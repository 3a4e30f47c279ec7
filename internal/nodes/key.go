package nodes

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// WithKey returns conn, which shows key with each call unless that is empty.
func WithKey(conn grpc.ClientConnInterface, key string) grpc.ClientConnInterface {
	if key == "" {
		return conn
	}
	return keyedConn{conn, key}
}

// keyedConn shows a key with each call.
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
