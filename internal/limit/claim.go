package limit

import (
	"context"
	"slices"
	"time"
)

// maxWaiting is the maximum number of waiting claims of calls: each is examined whenever memory
// is given back. One address may have half of them.
const maxWaiting = 1024

// claim is a wait for n bytes.
type claim struct {
	reserved *Reservation
	n        int64
	full     verdict       // why it waits
	ready    chan struct{} // closed when reserved has them
}

// claim waits at most as long as wait for n bytes, and reports whether r has them.
func (r *Reservation) claim(ctx context.Context, n int64, wait time.Duration) bool {
	m := &r.limits.memory
	c, ok := m.enqueue(r, n, wait)
	if c == nil {
		return ok
	}
	// A claim of an address at its half starts no collection, or one address could make the process
	// collect garbage all the time. Within a second, Tick collects the buffers that it dropped.
	if c.full != addressFull {
		r.collect()
	}
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

// enqueue gives r n bytes if there is room for them. Otherwise it returns a claim that waits
// for them, or nil if r may not wait.
func (m *memory) enqueue(r *Reservation, n int64, wait time.Duration) (c *claim, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.give(r, n) {
		return nil, true
	}
	if wait <= 0 || m.crowded(r) {
		return nil, false
	}
	c = &claim{reserved: r, n: n, full: m.judge(r, n), ready: make(chan struct{})}
	m.waiting = append(m.waiting, c)
	m.admit()
	return c, false
}

// crowded reports whether so many claims wait that r may not wait as well; m.mu is held.
func (m *memory) crowded(r *Reservation) bool {
	if r.lasts {
		return false // each connection waits for one buffer at most
	}
	same := 0
	for _, c := range m.waiting {
		if !c.reserved.exempt && c.reserved.block == r.block {
			same++
		}
	}
	return len(m.waiting) >= maxWaiting || !r.exempt && same >= maxWaiting/2
}

// admit grants the waiting claims that now fit; m.mu is held. Small claims may overtake a large
// one, rather than wait behind it. But uploads claim their memory bit by bit: if uploads that
// all need more had all the memory, none would ever complete. So one of them is the favorite,
// until it has given everything back or has waited in vain.
func (m *memory) admit() {
	m.waiting = slices.DeleteFunc(m.waiting, func(c *claim) bool {
		if m.favorite == nil && c.reserved.use == Uploading && !c.reserved.lasts {
			m.favorite = c.reserved
		}
		if m.judge(c.reserved, c.n) != granted {
			return false
		}
		m.add(c.reserved, c.n)
		close(c.ready)
		return true
	})
}

// withdraw ends a claim, and reports whether nothing was granted.
func (m *memory) withdraw(c *claim) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.waiting, c)
	if i < 0 {
		return false // it was granted at that very moment
	}
	m.waiting = slices.Delete(m.waiting, i, i+1)
	if m.favorite == c.reserved {
		m.favorite = nil
		m.admit()
	}
	return true
}

// patience is how long an upload of a stream waits for memory. Meanwhile the server does not
// read from its sender, which can wait.
const patience = time.Minute

// Work reserves the n bytes for handling an upload and returns their Reservation, which the caller
// releases. If ctx has a Reservation, because a door has read the body, Work extends that one and
// returns nil. A patient caller waits up to a minute. The error is OVERLOADED or that of ctx.
func (l *Limits) Work(ctx context.Context, c Caller, n int64, patient bool) (*Reservation, error) {
	if r := ReservationOf(ctx); r != nil && r.use == Uploading {
		return nil, r.Take(ctx, n-r.size())
	}
	r := l.Reservation(c, Uploading, nil)
	wait := l.wait(Uploading)
	if patient {
		wait = patience
	}
	return r, r.take(ctx, n, wait)
}

// Inflate waits for permission to inflate an upload, and returns the function that ends it. The
// error is OVERLOADED if none comes in time, or that of ctx.
func (l *Limits) Inflate(ctx context.Context) (done func(), err error) {
	done = func() { <-l.inflating }
	select {
	case l.inflating <- struct{}{}:
		return done, nil // also on a machine so busy that a short wait is over by now
	default:
	}
	timer := time.NewTimer(max(l.settings.Load().Wait, time.Millisecond))
	defer timer.Stop()
	select {
	case l.inflating <- struct{}{}:
		return done, nil
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, l.refuse(Inflating, busy("too many compressed uploads are in flight; try again later"))
}
