package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/tap"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// classOf returns what a call counts as.
func classOf(method string) access.Class {
	call, _ := access.CallOf(method)
	return call.Class
}

// watchMemory is what a watcher that does not read costs, in bytes: a batch that waits, and one
// that the transport has.
const watchMemory = 256 << 10

// admit counts a call that may be made, and returns what is to be called when it
// ends; or RATE_LIMITED or OVERLOADED. Reads through a door are counted there,
// where most of them are answered.
func (c Chain) admit(ctx context.Context, method string) (leave func(), err error) {
	leave = func() {}
	if c.Limits == nil {
		return leave, nil
	}
	switch classOf(method) {
	case access.Uploading:
		err = c.Limits.Upload(Caller(ctx))
	case access.UploadStream:
		leave, err = c.Limits.Stream(Caller(ctx))
	case access.SyncStream:
		leave, err = c.admitWatcher(Caller(ctx))
	case access.Reading:
		if !isLocal(ctx) {
			err = c.Limits.Download(Caller(ctx))
		}
	}
	return leave, err
}

// admitWatcher counts a stream of SyncService and takes its memory, that of torrents apart.
func (c Chain) admitWatcher(from limit.Caller) (leave func(), err error) {
	reserved := c.Limits.Reservation(from, limit.Connecting, nil)
	if !reserved.Try(watchMemory) {
		return nil, c.Limits.NoMemory(limit.Connecting)
	}
	left, err := c.Limits.Stream(from)
	if err != nil {
		reserved.Release()
		return nil, err
	}
	return func() { left(); reserved.Release() }, nil
}

// arrivalKey is the context key of the arrival of a call's message.
type arrivalKey struct{}

// callMemory is what a call from the network takes before it has a message: metadata and
// its goroutine, in bytes.
const callMemory = maxHeaders + 8<<10

// tap sees the calls of the network when nothing but their header has arrived, and takes
// their memory. A call is cut off if its message does not come: grpc waits for it in memory,
// as long as the connection lasts. An upload is counted from here to its end.
func (c Chain) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	isUpload := classOf(info.FullMethodName) == access.Uploading
	if isUpload {
		if err := c.mayUpload(ctx, info.FullMethodName); err != nil {
			return ctx, err
		}
	}
	if c.Limits == nil {
		return ctx, nil
	}
	from := limit.Caller{Addr: origin.FromContext(c.withOrigin(ctx))}
	reserved := c.Limits.Reservation(from, limit.Connecting, nil)
	if !reserved.Try(callMemory) {
		return ctx, c.refuse(ctx, info.FullMethodName, c.Limits.NoMemory(limit.Connecting))
	}
	leave := func() {}
	if isUpload {
		var err error
		if leave, err = c.Limits.ArrivingUpload(from); err != nil {
			reserved.Release()
			return ctx, c.refuse(ctx, info.FullMethodName, err)
		}
	}
	return c.watchArrival(ctx, from, info.FullMethodName, func() {
		leave()
		reserved.Release()
	}), nil
}

// refuse tells of a call that err ends before its message has come, and returns the status.
func (c Chain) refuse(ctx context.Context, method string, err error) error {
	e := reason.Of(err)
	refused := e.GRPCStatus().Err()
	c.observe(c.withOrigin(ctx), refused, Call{Method: method, Reason: e.Reason, Begin: time.Now()})
	return refused
}

// watchArrival notes that the message of a call begins to arrive, and calls ended when the
// call has ended. Streams of uploads have their own watch, see watchArrivals.
func (c Chain) watchArrival(ctx context.Context, from limit.Caller, method string, ended func()) context.Context {
	if classOf(method) == access.UploadStream {
		context.AfterFunc(ctx, ended)
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	arrival := c.Limits.Arriving(from, limit.OnCall, cancel)
	context.AfterFunc(ctx, func() {
		cancel()
		arrival.Done()
		ended()
	})
	return context.WithValue(ctx, arrivalKey{}, arrival)
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
	if c.Limits == nil || classOf(info.FullMethod) != access.UploadStream {
		return func() {}
	}
	s.arrival = c.Limits.Arriving(Caller(s.ctx), limit.OnStream, func() {
		cancel(reason.New(reason.Overloaded, "no item came in time, or the server is short of memory: send those without a result again"))
	})
	return s.arrival.Done
}
