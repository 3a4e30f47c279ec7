package diskstore

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/torrentcache/torrentcache/store"
)

// Bounds of a group. A larger one would not spread the cost of a sync much
// further, but would keep the first waiting for the last.
const (
	maxGroupBytes   = 4 << 20
	maxGroupChanges = 1024
)

// call is one caller that waits for the committer, with one or more changes.
type call struct {
	done chan struct{} // closed when every change has its result

	mu        sync.Mutex
	abandoned bool           // the caller is gone; its bytes are not to be read any more
	results   []store.Result // guarded by mu until done is closed
	missing   int            // results
}

func newCall(n int) *call {
	return &call{done: make(chan struct{}), results: make([]store.Result, n), missing: n}
}

// answer sets result i.
func (c *call) answer(i int, r store.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results[i] = r
	if c.missing--; c.missing == 0 {
		close(c.done)
	}
}

// wait returns the results when all are there. If ctx ends before, it returns
// at once, with ctx's error in the place of those that are missing; from then
// on nothing of the caller's is used.
func (c *call) wait(ctx context.Context) []store.Result {
	select {
	case <-c.done:
		return c.results
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.missing == 0 {
		return c.results
	}
	c.abandoned = true
	results := slices.Clone(c.results)
	for i, r := range results {
		if r.Outcome == 0 && r.Err == nil {
			results[i].Err = ctx.Err()
		}
	}
	return results
}

// change is one thing for the committer to do.
type change struct {
	call *call
	slot int // of the result in call
	size int64
	// needy is false for what may use the space that MinFreeSpace keeps free.
	needy bool
	// roll has the active segment sealed before; run learns from the group
	// whether that was possible.
	roll bool
	// run decides and writes into g. It holds call.mu.
	run func(g *group) (store.Outcome, error)
}

// queue holds the changes that wait for the committer.
type queue struct {
	mu      sync.Mutex
	filled  sync.Cond // on mu: changes came, or closed
	waiting []*change
	closed  bool
}

func newQueue() *queue {
	q := &queue{}
	q.filled.L = &q.mu
	return q
}

// add appends changes, which must not come after close.
func (q *queue) add(changes ...*change) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, changes...)
	q.filled.Signal()
}

// take waits for changes and returns as many of them, oldest first, as a group
// may have: at least one, unless the queue is closed and empty.
func (q *queue) take(maxBytes int64) []*change {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.filled.Wait()
	}
	q.gather()
	n, bytes := 0, int64(0)
	for n < min(len(q.waiting), maxGroupChanges) {
		bytes += q.waiting[n].size
		if n > 0 && bytes > maxBytes {
			break
		}
		n++
	}
	taken := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return taken
}

// gather lets whoever is about to add changes do so first, for a group costs one
// sync however many they are. The first of many callers that wake up together
// wakes the committer, which on a machine of one core would run next: groups of
// one, and less than a tenth of the changes a second. Call it with mu held.
func (q *queue) gather() {
	for before := 0; before < len(q.waiting) && len(q.waiting) < maxGroupChanges; {
		before = len(q.waiting)
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
	}
}

// close makes take return what is left, and then nothing.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Signal()
}
