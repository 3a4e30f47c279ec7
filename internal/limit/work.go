package limit

import (
	"context"
	"time"
)

// patience is how long an upload of a stream waits for memory: its sender, from whom nothing
// is read meanwhile, can wait.
const patience = time.Minute

// Work takes the n bytes that the handling of an upload takes of memory, and returns the
// Hold that has them, which the caller releases. If ctx carries one, because a door has read
// the body, that takes what is missing, and the returned one is nil. A patient caller waits
// for a minute. The error is OVERLOADED or that of ctx.
func (l *Limits) Work(ctx context.Context, c Caller, n int64, patient bool) (*Hold, error) {
	if h := HoldOf(ctx); h != nil && h.use == Uploading {
		return nil, h.Take(ctx, n-h.size())
	}
	h := l.Hold(c, Uploading, nil)
	wait := l.wait(Uploading)
	if patient {
		wait = patience
	}
	return h, h.take(ctx, n, wait)
}

// Inflate waits for a processor to inflate an upload with, and returns the function that
// gives it back. The error is OVERLOADED if there is none in time, or that of ctx.
func (l *Limits) Inflate(ctx context.Context) (done func(), err error) {
	select {
	case l.inflating <- struct{}{}:
		return func() { <-l.inflating }, nil
	default:
	}
	timer := time.NewTimer(max(l.settings.Load().Wait, time.Millisecond))
	defer timer.Stop()
	select {
	case l.inflating <- struct{}{}:
		return func() { <-l.inflating }, nil
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, l.refuse(Inflating, busy("too many compressed uploads are in flight; try again later"))
}
