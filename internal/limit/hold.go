package limit

import (
	"context"
	"time"
)

// patience is the wait of who is held back by not being read from.
const patience = time.Minute

// Hold is memory that an upload has. It belongs to one goroutine at a time.
type Hold struct {
	limits *Limits
	room   *room
	n      int64
}

// Work returns a Hold of n bytes to work on an upload with, when there is room, or
// OVERLOADED when there is none in time. Who is patient waits for a minute.
func (l *Limits) Work(ctx context.Context, n int64, patient bool) (*Hold, error) {
	h := &Hold{limits: l, room: &l.working}
	return h, h.grow(ctx, n, patient)
}

// grow adds n bytes, or what there is if that is less.
func (h *Hold) grow(ctx context.Context, n int64, patient bool) error {
	n = h.room.clamp(h.n, n)
	if n == 0 {
		return nil
	}
	wait := h.limits.settings.Load().Wait
	if patient {
		wait = patience
	}
	if h.limits.pressed.Load() && !patient || !h.room.take(ctx, h, n, wait) {
		h.limits.refused[BodyTime].Add(h.limits.arriving.cut(crowded, OnCall, OnStream))
		return h.limits.refuse(Memory, busy("too many bytes of uploads are in flight; try again later"))
	}
	h.n += n
	return nil
}

// Shrink gives back all but n bytes.
func (h *Hold) Shrink(n int64) {
	if n < h.n {
		h.room.give(h, h.n-n, n == 0)
		h.n = n
	}
}

// Release gives everything back. It may be called again, and on nil.
func (h *Hold) Release() {
	if h != nil {
		h.Shrink(0)
	}
}

// Inflate waits for a processor to inflate an upload with, and returns what gives
// it back, or OVERLOADED if there is none in time.
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
	}
	return nil, l.refuse(Inflating, busy("too many compressed uploads are in flight; try again later"))
}
