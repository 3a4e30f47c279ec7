package commit

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
	MaxGroupBytes   = 4 << 20 // of records
	MaxGroupChanges = 1024    // in one of the rounds in which a group takes changes

	// maxTakeBytes bounds what the committer takes up at once, so that the disk does
	// not wait for it long when a sync ends.
	maxTakeBytes = 512 << 10
)

// Call is one caller that waits for the committer, with one or more changes.
type Call struct {
	done chan struct{} // closed when every change has its result

	mu        sync.Mutex
	abandoned bool           // the caller is gone; its bytes are not to be read any more
	results   []store.Result // guarded by mu until done is closed
	missing   int            // results
}

// NewCall returns a call that waits for n results.
func NewCall(n int) *Call {
	return &Call{done: make(chan struct{}), results: make([]store.Result, n), missing: n}
}

// Answer sets result i.
func (c *Call) Answer(i int, r store.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results[i] = r
	if c.missing--; c.missing == 0 {
		close(c.done)
	}
}

// Wait returns the results when all are there. If ctx ends before, it returns
// at once, with ctx's error in the place of those that are missing; from then
// on nothing of the caller's is used.
func (c *Call) Wait(ctx context.Context) []store.Result {
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

// Change is one thing for the committer to do.
type Change struct {
	Call *Call
	Slot int   // of the result in Call
	Size int64 // in bytes, of its records, at most
	// needy is false for what may use the space that MinFreeSpace keeps free.
	needy bool
	// roll has the active segment sealed before; Run learns from the group
	// whether that was possible.
	roll bool
	// Run decides and writes into g, in the committer's goroutine. It is not called once the
	// caller has left.
	Run func(g *Group) (store.Outcome, error)
}

// queue holds the changes that wait for the committer.
type queue struct {
	filled chan struct{} // has a token when something waits, or the queue is closed

	mu      sync.Mutex
	waiting []*Change
	closed  bool
}

func newQueue() *queue { return &queue{filled: make(chan struct{}, 1)} }

// tell sees that there is a token in filled.
func (q *queue) tell() {
	select {
	case q.filled <- struct{}{}:
	default:
	}
}

// add appends changes, which must not come after close.
func (q *queue) add(changes ...*Change) {
	q.mu.Lock()
	q.waiting = append(q.waiting, changes...)
	q.mu.Unlock()
	q.tell()
}

// take returns as many of the changes that wait, oldest first, as fit in
// maxBytes, but at least one if any does, and whether the queue is closed. It
// takes the token from filled to call it; if something is left there is another.
func (q *queue) take(maxBytes int64) (taken []*Change, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, bytes := 0, int64(0)
	for n < min(len(q.waiting), MaxGroupChanges) {
		bytes += q.waiting[n].Size
		if n > 0 && bytes > maxBytes {
			break
		}
		n++
	}
	taken = q.waiting[:n:n]
	if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
		q.waiting = nil // or what was taken last stays in memory, with its torrents, until something comes
	}
	if len(q.waiting) > 0 || q.closed {
		q.tell()
	}
	return taken, q.closed
}

// gather lets whoever is about to add changes do so first, for a group costs one
// sync however many they are. The first of many callers that wake up together
// wakes the committer, which on a machine of one core would run next: groups of
// one, and less than a tenth of the changes a second. While a group is being synced
// it would decide and write the next one change by change.
func (q *queue) gather() {
	for before := 0; ; {
		q.mu.Lock()
		now := len(q.waiting)
		q.mu.Unlock()
		if now == before || now >= MaxGroupChanges {
			return
		}
		before = now
		runtime.Gosched()
	}
}

// close makes take say that nothing more will come.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.tell()
}
