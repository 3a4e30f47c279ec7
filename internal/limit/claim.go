package limit

import (
	"context"
	"slices"
	"time"
)

// maxWaiting bounds how many claims of calls wait at a time: each is looked at whenever
// memory is given back. One address has at most half of the places.
const maxWaiting = 1024

// claim is a wait for n bytes.
type claim struct {
	hold  *Hold
	n     int64
	ready chan struct{} // closed when hold has them
}

// claim waits at most as long as wait for n bytes, and reports whether h has them.
func (h *Hold) claim(ctx context.Context, n int64, wait time.Duration) bool {
	m := &h.limits.memory
	c, ok := m.enqueue(h, n, wait)
	if c == nil {
		return ok
	}
	h.collect()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.ready:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return !m.withdraw(c)
}

// enqueue gives h n bytes if there is room for them; otherwise it returns a claim that waits
// for them, nil if there is nothing to wait for.
func (m *memory) enqueue(h *Hold, n int64, wait time.Duration) (c *claim, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.give(h, n) {
		return nil, true
	}
	if wait <= 0 || m.crowded(h) {
		return nil, false
	}
	c = &claim{hold: h, n: n, ready: make(chan struct{})}
	m.waiting = append(m.waiting, c)
	m.admit()
	return c, false
}

// crowded reports whether too many claims wait for one of h to wait, too; m.mu is held.
func (m *memory) crowded(h *Hold) bool {
	if h.lasts {
		return false // of these there is one to a connection
	}
	same := 0
	for _, c := range m.waiting {
		if !c.hold.exempt && c.hold.block == h.block {
			same++
		}
	}
	return len(m.waiting) >= maxWaiting || !h.exempt && same >= maxWaiting/2
}

// admit gives those who wait what now fits; m.mu is held. A large claim gives way to
// small ones rather than keep them all waiting. But uploads take their memory bit by bit:
// were it used up by those that all need more, none would come to its end. So one of them
// is the favorite, until it has given everything back or has waited in vain.
func (m *memory) admit() {
	m.waiting = slices.DeleteFunc(m.waiting, func(c *claim) bool {
		if m.favorite == nil && c.hold.use == Uploading && !c.hold.lasts {
			m.favorite = c.hold
		}
		if m.judge(c.hold, c.n) != granted {
			return false
		}
		m.add(c.hold, c.n)
		close(c.ready)
		return true
	})
}

// withdraw ends a claim, and reports whether it got nothing.
func (m *memory) withdraw(c *claim) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.waiting, c)
	if i < 0 {
		return false // it was given at that very moment
	}
	m.waiting = slices.Delete(m.waiting, i, i+1)
	if m.favorite == c.hold {
		m.favorite = nil
		m.admit()
	}
	return true
}

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
