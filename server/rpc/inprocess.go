package rpc

import (
	"context"
	"fmt"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// inProcessNetwork is the network of the peer that inprocgrpc gives each call; no
// listener has it.
const inProcessNetwork = "inproc"

// InProcess returns a connection to the services that register registers, which
// calls them in this process through chain, and refuses requests over
// maxMessageSize bytes as the network would.
//
// Messages are passed on, not copied: neither side may change the bytes, lists or messages in one
// that it sent or received. But once CacheTorrent has succeeded, the server no longer reads the
// request, and the caller may reuse its memory. After a call that failed, the server may still read
// it, because the context of the call may have ended first.
func InProcess(chain Chain, maxMessageSize int, register func(grpc.ServiceRegistrar)) grpc.ClientConnInterface {
	channel := (&inprocgrpc.Channel{}).
		WithCloner(inprocgrpc.CopyFunc(share)).
		WithServerUnaryInterceptor(chain.Unary).
		WithServerStreamInterceptor(chain.Stream)
	conn := &localConn{Channel: channel, maxMessageSize: maxMessageSize, chain: chain, calls: map[string]localCall{}}
	register(conn)
	return conn
}

// localConn adds to the channel two properties of the network: a limit on the size of requests, and
// errors that are always statuses. Streams need the channel; calls with one request and one answer
// do not.
type localConn struct {
	*inprocgrpc.Channel
	maxMessageSize int
	chain          Chain
	calls          map[string]localCall // by full method name
}

// RegisterService implements grpc.ServiceRegistrar.
func (c *localConn) RegisterService(service *grpc.ServiceDesc, implementation any) {
	c.Channel.RegisterService(service, implementation)
	for _, method := range service.Methods {
		c.calls["/"+service.ServiceName+"/"+method.MethodName] = localCall{method.Handler, implementation}
	}
}

// Invoke implements grpc.ClientConnInterface.
func (c *localConn) Invoke(ctx context.Context, method string, req, answer any, opts ...grpc.CallOption) error {
	if err := c.checkSize(req); err != nil {
		return err
	}
	if local, ok := c.calls[method]; ok && isPlain(opts) {
		return asStatus(local.call(ctx, method, req, answer, c.chain, opts))
	}
	return asStatus(c.Channel.Invoke(ctx, method, req, answer, opts...))
}

// NewStream implements grpc.ClientConnInterface.
func (c *localConn) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := c.Channel.NewStream(ctx, desc, method, opts...)
	if err != nil {
		return nil, asStatus(err)
	}
	return &localStream{ClientStream: stream, conn: c}, nil
}

type localStream struct {
	grpc.ClientStream
	conn *localConn
}

// SendMsg implements grpc.ClientStream.
func (s *localStream) SendMsg(m any) error {
	if err := s.conn.checkSize(m); err != nil {
		return err
	}
	return s.ClientStream.SendMsg(m)
}

// checkSize returns the error that grpc returns on the wire, which has no ErrorInfo: callers map it
// by its code.
func (c *localConn) checkSize(m any) error {
	if n := size(m); n > c.maxMessageSize {
		return status.Errorf(codes.ResourceExhausted, "message of %d bytes, the server takes at most %d", n, c.maxMessageSize)
	}
	return nil
}

// asStatus returns err as a status error; the channel itself also returns plain
// Go errors.
func asStatus(err error) error {
	if err == nil {
		return nil
	}
	return status.Convert(err).Err()
}

// share sets the fields of out to those of in, and shares everything below the top level, so that a
// torrent's bytes are not copied.
func share(out, in any) error {
	from, ok := in.(proto.Message)
	to, isMessage := out.(proto.Message)
	if !ok || !isMessage || from.ProtoReflect().Descriptor() != to.ProtoReflect().Descriptor() {
		return fmt.Errorf("cannot pass a %T as a %T", in, out)
	}
	proto.Reset(to)
	from.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		to.ProtoReflect().Set(field, value)
		return true
	})
	return nil
}
