// Package rpc brings calls to the services of a server: from the network by [NewGRPC], and from the
// same process by [InProcess]. Both run the same [Chain] of interceptors and refuse the same
// messages, so a caller cannot tell one from the other. The package knows calls, callers and
// limits, and nothing of torrents or stores.
package rpc

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// apiPackage begins the names of our services; all others are grpc's.
const apiPackage = "torrentcache."

// Chain is the chain of interceptors that every call goes through, from the network and in
// process alike, outermost first: measure, find the client's address, give every error a status
// with ErrorInfo, recover from panics, authorize, hold to the limits. Its methods are safe for
// concurrent use.
type Chain struct {
	// Logger gets the errors that the operator must know of: internal errors with their cause,
	// panics with their stack, failures of the store. Nil means slog.Default().
	Logger *slog.Logger
	// Observe is called with each call when the call ends. Nil means that nothing is called.
	Observe func(Call)
	// Quit is closed when the server begins to shut down. Server streams have no end of their own
	// and are cancelled then; CacheTorrents answers the items that it has received and ends; all
	// other calls go on. Nil means never.
	Quit <-chan struct{}
	// Proxies are believed when they say which client a call from the network is
	// for: proxies for gRPC, and the doors of torrentcache gateway.
	Proxies origin.Proxies
	// Limits are those of calls and streams. Nil means that there are none.
	Limits *limit.Limits
	// Access decides which methods each caller may call. Nil means that everybody may call
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
	Caller   string     // the name in the keys file, or anonymous; "" if that is not known
	Addr     netip.Addr // of the client
	InfoHash string     // in the request or the answer, as it stands there; "" if there is none
}

// Unary is the interceptor of calls with one request and one answer.
func (c Chain) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	begin := time.Now()
	arrived(ctx)
	ctx = c.withOrigin(ctx)
	var answer any
	who, err := c.handle(ctx, info.FullMethod, func(ctx context.Context) (err error) {
		answer, err = handler(ctx, req)
		return err
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
	counted := &countedStream{ServerStream: stream, ctx: ctx, limits: c.Limits}
	defer c.watchArrivals(counted, info, cancel)()
	who, err := c.handle(ctx, info.FullMethod, func(ctx context.Context) error {
		counted.ctx = ctx
		return handler(srv, counted)
	})
	if stream.Context().Err() != nil {
		<-ctx.Done() // ctx ends just after; a reader of the stream may have learned it before
	}
	if refused := refusal(ctx); err != nil && refused != nil {
		err = refused // err is only a consequence
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

// handle calls handler, if the caller of ctx may call method and the limits allow it. Who is the
// caller's name; "" if it was not decided.
func (c Chain) handle(ctx context.Context, method string, handler func(context.Context) error) (who string, err error) {
	err = Safely(func() error {
		ctx, err := c.authorize(ctx, method)
		if err != nil {
			return err
		}
		if c.Access != nil {
			who = access.FromContext(ctx).Name
		}
		leave, err := c.admit(ctx, method)
		if err != nil {
			return err
		}
		defer leave()
		return handler(ctx)
	})
	return who, err
}

// quitKey is the context key of Quit, for streams that end in their own way.
type quitKey struct{}

// Quitting returns Quit of the chain that the call came through; nil if there is none.
func Quitting(ctx context.Context) <-chan struct{} {
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

// infoHash returns the info hash in a message, "" if it has none.
func infoHash(m any) string {
	if about, ok := m.(interface{ GetInfoHash() string }); ok {
		return about.GetInfoHash()
	}
	return ""
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
