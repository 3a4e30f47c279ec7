package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// panicError is a panic in a handler.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// Safely calls handle and returns a panic as an internal error.
func Safely(handle func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = reason.Unexpected(&panicError{value: value, stack: debug.Stack()})
		}
	}()
	return handle()
}

// answer returns the reason and the status of err. The status has an ErrorInfo, but nothing of the
// cause. If the error is the server's fault, answer logs it, once.
func (c Chain) answer(ctx context.Context, method string, err error) (reason.Reason, error) {
	e := reason.Of(err)
	if e.Reason != reason.Internal && !strings.HasPrefix(method, "/"+apiPackage) {
		return "", err // health and reflection have contracts of their own
	}
	if ours(ctx, e) {
		c.log(ctx, method, e, err)
	}
	if e.Reason == reason.Internal {
		e = reason.Unexpected(err)
	}
	return e.Reason, e.GRPCStatus().Err()
}

// ours reports whether the operator must know of e, because neither the caller nor its leaving
// caused it.
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

// ItemError returns err, the error of one item of a call for many, in the form for the client.
func ItemError(err error) *torrentcachev1.ItemError {
	e := reason.Of(err)
	return &torrentcachev1.ItemError{Code: int32(e.GRPCStatus().Code()), Reason: string(e.Reason), Message: e.Message}
}

// Items reports the items that fail in calls for many. Those calls succeed, so no interceptor sees
// the errors. Both fields are required. It is safe for concurrent use.
type Items struct {
	// Logger gets the errors that the operator must know of.
	Logger *slog.Logger
	// OnError is called with the full name of the method and the reason why an item failed. It must
	// not block.
	OnError func(method string, why reason.Reason)
}

// Tell counts and logs the errors of a call's items. An element of errs is nil if its item has no
// error. If the client has left, the errors mean nothing, and Tell ignores them.
func (i Items) Tell(ctx context.Context, method string, errs []error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	for _, err := range errs {
		if err != nil {
			i.OnError(method, reason.Of(err).Reason)
		}
	}
	i.Log(ctx, method, errs)
}

// Log logs those of errs that are the server's fault, but only the first one of each reason,
// because a full disk fails every item. As in Tell, an element is nil if its item has no error.
func (i Items) Log(ctx context.Context, method string, errs []error) {
	logged := map[reason.Reason]bool{}
	for _, err := range errs {
		if err == nil {
			continue
		}
		if e := reason.Of(err); ours(ctx, e) && !logged[e.Reason] {
			logged[e.Reason] = true
			Chain{Logger: i.Logger}.log(ctx, method, e, err)
		}
	}
}
