package rpc

import (
	"context"
	"errors"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// countedStream counts the bytes of a stream's messages. A goroutine of the
// handler may still be receiving when the handler has returned.
type countedStream struct {
	grpc.ServerStream
	arrival *limit.Arrival // nil if nothing watches the arrivals
	limits  *limit.Limits  // not nil if arrival is set
	ctx     context.Context
	in, out atomic.Int64
}

func (s *countedStream) Context() context.Context { return s.ctx }

func (s *countedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if s.arrival != nil && status.Code(err) == codes.ResourceExhausted {
		s.limits.TooLarge() // grpc's own refusal, which the handler does not recognize
	}
	if refused := refusal(s.ctx); err == nil && refused != nil {
		return refused
	}
	if err == nil {
		arrived(s.ctx)
		s.in.Add(int64(size(m)))
		if s.arrival != nil {
			s.arrival.Again()
		}
	}
	return err
}

func (s *countedStream) SendMsg(m any) error {
	err := s.ServerStream.SendMsg(m)
	if err == nil {
		s.out.Add(int64(size(m)))
	}
	return err
}

// stillAllowed waits until the caller of a stream may no longer call method, and returns why; nil
// if ctx ends or quit is closed before that. A stream may last for days, but it must end when its
// key is withdrawn.
func (c Chain) stillAllowed(ctx context.Context, method string, quit <-chan struct{}) error {
	known := credentialsOf(ctx)
	for {
		var replaced <-chan struct{}
		if c.Access != nil {
			var policy *access.Policy
			policy, replaced = c.Access.Policy()
			if _, err := policy.Decide(known, method); err != nil {
				return err
			}
		}
		select {
		case <-replaced:
		case <-quit:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// refusal returns why the caller of a stream may no longer call; nil if it may.
func refusal(ctx context.Context) error {
	if refused, ok := errors.AsType[*reason.Error](context.Cause(ctx)); ok {
		return refused
	}
	return nil
}
