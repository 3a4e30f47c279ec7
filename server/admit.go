package server

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// caller is who calls, for the limits.
func caller(ctx context.Context) limit.Caller {
	c := limit.Caller{Addr: origin.FromContext(ctx)}
	if who := access.FromContext(ctx); who.Name != access.Anonymous {
		c.Name = who.Name
	}
	return c
}

// admit counts a call that may be made, and returns what is to be called when it
// ends; or RATE_LIMITED or OVERLOADED. Reads through a door are counted there,
// where most of them are answered.
func (c Chain) admit(ctx context.Context, method string) (leave func(), err error) {
	leave = func() {}
	if c.Limits == nil {
		return leave, nil
	}
	switch method {
	case torrentcachev1.CacheService_CacheTorrent_FullMethodName:
		err = c.Limits.Upload(caller(ctx))
	case torrentcachev1.CacheService_CacheTorrents_FullMethodName, torrentcachev1.SyncService_WatchChanges_FullMethodName:
		leave, err = c.Limits.Stream(caller(ctx))
	case torrentcachev1.CacheService_GetTorrent_FullMethodName, torrentcachev1.CacheService_DescribeTorrent_FullMethodName,
		torrentcachev1.CacheService_FindMissingTorrents_FullMethodName:
		if from, ok := peer.FromContext(ctx); ok && from.Addr.Network() != inProcessNetwork {
			err = c.Limits.Download(caller(ctx))
		}
	}
	return leave, err
}

// arrivalKey is the context key of the arrival of an upload's message.
type arrivalKey struct{}

// tap sees the calls of the network when nothing but their header has arrived. An
// upload is counted from here to its end, and cut off if its message does not come:
// grpc waits for it in memory, as long as the connection lasts.
func (c Chain) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	if info.FullMethodName != torrentcachev1.CacheService_CacheTorrent_FullMethodName {
		return ctx, nil
	}
	if err := c.mayUpload(ctx); err != nil {
		return ctx, err
	}
	if c.Limits == nil {
		return ctx, nil
	}
	leave, err := c.Limits.ArrivingUpload(limit.Caller{Addr: origin.FromContext(c.withOrigin(ctx))})
	if err != nil {
		return ctx, reason.Of(err).GRPCStatus().Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	arrival := c.Limits.Arriving(limit.OnCall, cancel)
	context.AfterFunc(ctx, func() { // the call has ended
		cancel()
		arrival.Done()
		leave()
	})
	return context.WithValue(ctx, arrivalKey{}, arrival), nil
}

// arrived notes that the message of a call is there.
func arrived(ctx context.Context) {
	if arrival, ok := ctx.Value(arrivalKey{}).(*limit.Arrival); ok {
		arrival.Done()
	}
}

// watchArrivals notes what arrives on a stream of uploads from the network, until
// done is called.
func (c Chain) watchArrivals(s *countedStream, info *grpc.StreamServerInfo, cancel context.CancelCauseFunc) (done func()) {
	if c.Limits == nil || info.FullMethod != torrentcachev1.CacheService_CacheTorrents_FullMethodName {
		return func() {}
	}
	s.arrival = c.Limits.Arriving(limit.OnStream, func() {
		cancel(reason.New(reason.Overloaded, "no item came in time, or the server is short of memory: send those without a result again"))
	})
	return s.arrival.Done
}
