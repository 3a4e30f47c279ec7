package nodes

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// Conn is a connection to the nodes. It is safe for concurrent use.
type Conn struct {
	healthy *grpc.ClientConn // to those that say that they serve
	any     *grpc.ClientConn // to all; connects when it is first used
	reads   *repeater
}

var _ grpc.ClientConnInterface = (*Conn)(nil)

// use returns the connection for a call: while no node says that it serves, as when
// the store behind all of them is away, each may still answer some.
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
