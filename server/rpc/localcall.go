package rpc

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/internal/limit"
)

// localCall is a method with one request and one answer.
type localCall struct {
	handler grpc.MethodHandler
	service any
}

// call calls the method in the goroutine of its caller, so it returns when the handler has ended.
// The channel returns when ctx ends, while its handler goes on. That handler would take memory by a
// Reservation that its caller has released, and nothing would free the memory. The handler gets the
// values that it gets from the network, the deadline, the metadata, the peer and the Reservation,
// and no other value of ctx.
func (l localCall) call(ctx context.Context, method string, req, answer any, chain Chain, opts []grpc.CallOption) error {
	if err := ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	heads := &localHeads{method: method}
	decode := func(into any) error { return share(into, req) }
	got, err := l.handler(l.service, heads.context(ctx), decode, chain.Unary)
	heads.tell(opts)
	switch ended := ctx.Err(); {
	case err != nil && ended != nil: // as over the network
		return status.FromContextError(ended).Err()
	case err != nil:
		return err
	case got == nil:
		return status.Errorf(codes.Internal, "%s gave no answer", method)
	}
	return share(answer, got)
}

// isPlain reports whether a call with these options is one for localCall.
func isPlain(opts []grpc.CallOption) bool {
	for _, opt := range opts {
		switch opt.(type) {
		case grpc.HeaderCallOption, grpc.TrailerCallOption, grpc.StaticMethodCallOption:
		default:
			return false
		}
	}
	return true
}

// localHeads is the [grpc.ServerTransportStream] of a call. It holds the header and the trailer of
// the answer.
type localHeads struct {
	method string

	mu              sync.Mutex
	header, trailer metadata.MD // guarded by mu
}

// context returns the context of the handler.
func (h *localHeads) context(caller context.Context) context.Context {
	ctx := grpc.NewContextWithServerTransportStream(bare{caller}, h)
	if reserved := limit.ReservationOf(caller); reserved != nil {
		ctx = limit.WithReservation(ctx, reserved)
	}
	if md, ok := metadata.FromOutgoingContext(caller); ok {
		ctx = metadata.NewIncomingContext(ctx, md)
	}
	return peer.NewContext(ctx, &peer.Peer{Addr: inProcessAddr{}})
}

// tell stores the header and the trailer where opts ask for them.
func (h *localHeads) tell(opts []grpc.CallOption) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, opt := range opts {
		switch opt := opt.(type) {
		case grpc.HeaderCallOption:
			*opt.HeaderAddr = h.header
		case grpc.TrailerCallOption:
			*opt.TrailerAddr = h.trailer
		}
	}
}

// Method implements [grpc.ServerTransportStream], as those below do.
func (h *localHeads) Method() string { return h.method }

func (h *localHeads) SetHeader(md metadata.MD) error { return h.join(&h.header, md) }

func (h *localHeads) SendHeader(md metadata.MD) error { return h.join(&h.header, md) }

func (h *localHeads) SetTrailer(md metadata.MD) error { return h.join(&h.trailer, md) }

func (h *localHeads) join(to *metadata.MD, md metadata.MD) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	*to = metadata.Join(*to, md)
	return nil
}

// bare is a context without values.
type bare struct{ context.Context }

func (bare) Value(any) any { return nil }

// inProcessAddr is the address of callers in this process.
type inProcessAddr struct{}

func (inProcessAddr) Network() string { return inProcessNetwork }
func (inProcessAddr) String() string  { return "0" }
