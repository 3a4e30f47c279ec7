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

// classOf returns the class of a call for the limits.
func classOf(method string) access.Class {
	call, _ := access.CallOf(method)
	return call.Class
}

// watchMemory is the memory that a watcher takes if it does not read, in bytes: a batch that waits,
// and one that the transport has.
const watchMemory = 256 << 10

// admit counts a permitted call, and returns leave, which the caller calls when the call ends. The
// error is RATE_LIMITED or OVERLOADED. A door counts the reads through it, because it answers most
// of them itself.
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

// callMemory is the memory that a call from the network takes before it has a message, in bytes:
// its metadata and its goroutine.
const callMemory = maxHeaders + 8<<10

// tap sees each call from the network when only its header has arrived, and takes memory for it. A
// call whose message does not come is cut off, because grpc would keep it in memory as long as the
// connection lasts. An upload is counted from here to its end.
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

// refuse tells Observe of a call that err ends before its message, and returns the status of err.
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

// arrived notes that the message of a call has arrived.
func arrived(ctx context.Context) {
	if arrival, ok := ctx.Value(arrivalKey{}).(*limit.Arrival); ok {
		arrival.Done()
	}
}

// watchArrivals watches the items that arrive on a stream of uploads from the network, until done
// is called. It cancels the stream if none comes in time.
func (c Chain) watchArrivals(s *countedStream, info *grpc.StreamServerInfo, cancel context.CancelCauseFunc) (done func()) {
	if c.Limits == nil || classOf(info.FullMethod) != access.UploadStream {
		return func() {}
	}
	s.arrival = c.Limits.Arriving(Caller(s.ctx), limit.OnStream, func() {
		cancel(reason.New(reason.Overloaded, "no item came in time, or the server is short of memory: send those without a result again"))
	})
	return s.arrival.Done
}
