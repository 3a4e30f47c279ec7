package limit

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxWaiting bounds how many wait for room at a time: each holds its upload.
const maxWaiting = 4096

// room is memory that is handed out. Whoever fits goes first: a large upload gives
// way to small ones rather than keep them all waiting.
//
// Uploads take it bit by bit. Were it used up by those that all need more, none
// would come to its end; so one of them, the favorite, gets what it asks for.
type room struct {
	mu       sync.Mutex // guards all below
	capacity int64      // bytes; 0 is no bound
	held     int64      // at most capacity and what the favorite has
	waiting  []*waiter
	favorite *Hold // nil if there is none
}

type waiter struct {
	hold  *Hold
	n     int64
	ready chan struct{} // closed when the room was given
}

// take waits at most as long as wait for n bytes for h. It reports whether it got
// them.
func (r *room) take(ctx context.Context, h *Hold, n int64, wait time.Duration) bool {
	r.mu.Lock()
	if r.fits(n) || r.favors(h) {
		r.held += n
		r.mu.Unlock()
		return true
	}
	if wait <= 0 || len(r.waiting) >= maxWaiting {
		r.mu.Unlock()
		return false
	}
	w := &waiter{h, n, make(chan struct{})}
	r.waiting = append(r.waiting, w)
	r.mu.Unlock()
	return r.await(ctx, w, wait)
}

func (r *room) await(ctx context.Context, w *waiter, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.ready:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.waiting, w)
	if i < 0 {
		return true // it was given at that very moment
	}
	r.waiting = slices.Delete(r.waiting, i, i+1)
	return false
}

// favors reports whether h is the favorite, which it becomes if it has something
// already and nobody else is; r.mu is held.
func (r *room) favors(h *Hold) bool {
	if r.favorite == nil && h.n > 0 {
		r.favorite = h
	}
	return r.favorite == h
}

// give gives n bytes of h back, and to those who wait and fit. Last says that h
// has no more.
func (r *room) give(h *Hold, n int64, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held -= n
	if last && r.favorite == h {
		r.favorite = nil
	}
	r.admit()
}

// resize changes the capacity.
func (r *room) resize(capacity int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.capacity = capacity
	r.admit()
}

// admit lets in who fits; r.mu is held.
func (r *room) admit() {
	r.waiting = slices.DeleteFunc(r.waiting, func(w *waiter) bool {
		if !r.fits(w.n) && !r.favors(w.hold) {
			return false
		}
		r.held += w.n
		close(w.ready)
		return true
	})
}

// fits reports whether there is room for n bytes. What is larger than all of it
// fits when there is nothing else.
func (r *room) fits(n int64) bool {
	return r.capacity == 0 || r.held == 0 || r.held+n <= r.capacity
}

func (r *room) inUse() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}

// clamp returns how much of n bytes more may be asked for by who has some
// already: all together never more than there is.
func (r *room) clamp(has, n int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.capacity == 0 {
		return n
	}
	return max(0, min(n, r.capacity-has))
}
