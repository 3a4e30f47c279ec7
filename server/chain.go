package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// apiPackage begins the names of our services; all others are grpc's.
const apiPackage = "torrentcache."

// Chain is what every call goes through, from the network and in process alike,
// outermost first: measure, find the client's address, give every error a status with ErrorInfo, recover
// from panics, authorize, hold to the limits. Its methods are safe for concurrent use.
type Chain struct {
	// Logger gets what the operator must know of: internal errors with their
	// cause, panics with their stack, a store that fails. Nil means slog.Default().
	Logger *slog.Logger
	// Observe is told of each call when it ends. Nil means nobody is.
	Observe func(Call)
	// Quit is closed when the server begins to shut down. Server streams have no
	// end of their own and are cancelled then; CacheTorrents answers what it has
	// received and ends; all other calls go on. Nil means never.
	Quit <-chan struct{}
	// Proxies are believed when they say which client a call from the network is
	// for: proxies for gRPC, and the doors of torrentcache gateway.
	Proxies origin.Proxies
	// Limits are those of calls and streams. Nil means that there are none.
	Limits *limit.Limits
	// Access says who may call what. Nil means that everybody may call
	// everything, for services that only the operator's own programs reach.
	Access *access.Gate
}

// Call is a call that has ended.
type Call struct {
	Method   string        // full name: /torrentcache.v1.CacheService/GetTorrent
	Code     codes.Code    // Canceled if the client went away
	Reason   reason.Reason // why it failed; "" if it did not, or the client went away
	Duration time.Duration
	BytesIn  int // of the messages received, as protobuf
	BytesOut int // of the messages sent, as protobuf

	Begin    time.Time
	Local    bool       // from within the process
	Caller   string     // the name in the keys file, or anonymous; "" if who calls was not decided
	Addr     netip.Addr // of the client
	InfoHash string     // in the request or the answer, as it stands there; "" if there is none
}

// Unary is the interceptor of calls with one request and one answer.
func (c Chain) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	begin := time.Now()
	arrived(ctx)
	ctx = c.withOrigin(ctx)
	var who string
	answer, err := safely(func() (any, error) {
		ctx, err := c.authorize(ctx, info.FullMethod)
		if err != nil {
			return nil, err
		}
		who = c.caller(ctx)
		leave, err := c.admit(ctx, info.FullMethod)
		if err != nil {
			return nil, err
		}
		defer leave()
		return handler(ctx, req)
	})
	var why reason.Reason
	if err != nil {
		answer = nil
		why, err = c.answer(ctx, info.FullMethod, err)
	}
	c.observe(ctx, err, Call{
		Method: info.FullMethod, Reason: why, Begin: begin, Duration: time.Since(begin), BytesIn: size(req), BytesOut: size(answer),
		Caller: who, InfoHash: cmp.Or(infoHash(answer), infoHash(req)),
	})
	return answer, err
}

// Stream is the interceptor of the other calls.
func (c Chain) Stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	begin := time.Now()
	answerPlain(stream.Context())
	ctx, cancel := c.streamContext(c.withOrigin(stream.Context()), info)
	defer cancel(nil)
	var who string
	counted := &countedStream{ServerStream: stream, ctx: ctx, limits: c.Limits}
	defer c.watchArrivals(counted, info, cancel)()
	_, err := safely(func() (any, error) {
		var err error
		if counted.ctx, err = c.authorize(ctx, info.FullMethod); err != nil {
			return nil, err
		}
		who = c.caller(counted.ctx)
		leave, err := c.admit(counted.ctx, info.FullMethod)
		if err != nil {
			return nil, err
		}
		defer leave()
		return nil, handler(srv, counted)
	})
	if stream.Context().Err() != nil {
		<-ctx.Done() // it ends just after; who read from the stream may have been told before
	}
	if refused := refusal(ctx); err != nil && refused != nil {
		err = refused // what it says is but a consequence
	}
	var why reason.Reason
	if err != nil {
		why, err = c.answer(ctx, info.FullMethod, err)
	}
	c.observe(ctx, err, Call{
		Method: info.FullMethod, Reason: why, Begin: begin, Duration: time.Since(begin),
		BytesIn: int(counted.in.Load()), BytesOut: int(counted.out.Load()), Caller: who,
	})
	return err
}

// quitKey is the context key of Quit, for streams that end in their own way.
type quitKey struct{}

// quitting returns Quit of the chain that the call came through; nil if there is none.
func quitting(ctx context.Context) <-chan struct{} {
	quit, _ := ctx.Value(quitKey{}).(<-chan struct{})
	return quit
}

// streamContext returns the context of a stream: that of a server stream ends
// with Quit, and all end when their caller is no longer allowed to call; see [refusal].
func (c Chain) streamContext(ctx context.Context, info *grpc.StreamServerInfo) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, quitKey{}, c.Quit))
	var quit <-chan struct{}
	if info.IsServerStream && !info.IsClientStream {
		quit = c.Quit
	}
	if quit != nil || c.Access != nil {
		go func() { cancel(c.stillAllowed(ctx, info.FullMethod, quit)) }()
	}
	return ctx, cancel
}

// panicError is a panic in a handler.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// safely calls handle and returns a panic as an internal error.
func safely(handle func() (any, error)) (answer any, err error) {
	defer func() {
		if value := recover(); value != nil {
			answer, err = nil, internal(&panicError{value: value, stack: debug.Stack()})
		}
	}()
	return handle()
}

// answer returns the reason of err, and the status for it, which has an ErrorInfo and nothing
// of the cause. It logs what is the server's fault, once.
func (c Chain) answer(ctx context.Context, method string, err error) (reason.Reason, error) {
	e := reason.Of(err)
	if e.Reason != reason.Internal && !strings.HasPrefix(method, "/"+apiPackage) {
		return "", err // health and reflection have contracts of their own
	}
	if ours(ctx, e) {
		c.log(ctx, method, e, err)
	}
	if e.Reason == reason.Internal {
		e = internal(err)
	}
	return e.Reason, e.GRPCStatus().Err()
}

// ours reports whether the operator must know of e: it is none of the caller's
// doing, and no consequence of the caller's going away.
func ours(ctx context.Context, e *reason.Error) bool {
	switch e.Reason {
	case reason.Internal, reason.TorrentDamaged, reason.StorageFull:
		return true
	case reason.Overloaded:
		return e.Unwrap() != nil && ctx.Err() == nil
	default:
		return false
	}
}

func (c Chain) log(ctx context.Context, method string, e *reason.Error, err error) {
	logger := c.Logger
	if logger == nil {
		logger = slog.Default()
	}
	cause := e.Unwrap()
	if cause == nil {
		cause = err
	}
	attrs := []any{"method", method, "reason", e.Reason, "cause", cause}
	if p, ok := errors.AsType[*panicError](cause); ok {
		attrs = append(attrs, "stack", string(p.stack))
	}
	logger.ErrorContext(ctx, "call failed", attrs...)
}

func (c Chain) observe(ctx context.Context, err error, call Call) {
	if c.Observe == nil {
		return
	}
	call.Code = status.Code(err)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		call.Code = codes.Canceled
	}
	if call.Code == codes.Canceled {
		call.Reason = ""
	}
	call.Addr, call.Local = origin.FromContext(ctx), isLocal(ctx)
	c.Observe(call)
}

// caller returns who calls, of the context that authorize returned.
func (c Chain) caller(ctx context.Context) string {
	if c.Access == nil {
		return ""
	}
	return access.FromContext(ctx).Name
}

// isLocal reports whether a call comes from within the process: through its channel, or by a
// [Reader], which has no peer.
func isLocal(ctx context.Context) bool {
	from, ok := peer.FromContext(ctx)
	return !ok || from.Addr.Network() == inProcessNetwork
}

// infoHash returns the info hash in a message, "" if it has none.
func infoHash(m any) string {
	if about, ok := m.(interface{ GetInfoHash() string }); ok {
		return about.GetInfoHash()
	}
	return ""
}

// countedStream counts the bytes of a stream's messages. A goroutine of the
// handler may still be receiving when the handler has returned.
type countedStream struct {
	grpc.ServerStream
	arrival *limit.Arrival // nil if nobody watches what arrives
	limits  *limit.Limits  // not nil with arrival
	ctx     context.Context
	in, out atomic.Int64
}

func (s *countedStream) Context() context.Context { return s.ctx }

func (s *countedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	if s.arrival != nil && status.Code(err) == codes.ResourceExhausted {
		s.limits.TooLarge() // grpc's own refusal, which no handler sees for what it is
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

// size returns the size of a message in bytes, 0 if it is none.
func size(m any) int {
	if held, ok := m.(wire.Held); ok {
		m = held.Message
	}
	if message, ok := m.(proto.Message); ok {
		return proto.Size(message)
	}
	return 0
}
