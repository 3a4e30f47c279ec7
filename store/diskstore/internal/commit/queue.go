package commit

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/torrentcache/torrentcache/store"
)

// Bounds of a group. A larger group would hardly reduce the cost of a sync per change, but would
// make its first change wait longer.
const (
	MaxGroupBytes   = 4 << 20 // of records
	MaxGroupChanges = 1024    // in each round in which a group takes changes

	// maxTakeBytes is how many bytes of records the committer takes from the queue at a time, so
	// that the disk does not wait long for it when a sync ends.
	maxTakeBytes = 512 << 10
)

// Call is a caller that waits for one or more changes.
type Call struct {
	done chan struct{} // closed when every change has its result

	mu        sync.Mutex
	abandoned bool           // the caller has left; its bytes must not be read any more
	results   []store.Result // guarded by mu until done is closed
	missing   int            // results not set yet
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

// Wait returns the results when all are set. If ctx ends first, it returns at once, with ctx's
// error for each missing result. After that the committer no longer uses data of the caller.
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

// Change is one change for the committer to make.
type Change struct {
	Call *Call
	Slot int   // of the result in Call
	Size int64 // maximum size of its records in bytes
	// needy is false if the change may use the space that MinFreeSpace keeps free.
	needy bool
	// roll asks to seal the active segment first; Group.noRoll tells Run whether that was
	// possible.
	roll bool
	// Run decides and writes into g, in the committer's goroutine. It is not called once the
	// caller has left.
	Run func(g *Group) (store.Outcome, error)
}

// queue holds the changes that wait for the committer.
type queue struct {
	filled chan struct{} // has a token if a change waits or the queue is closed

	mu      sync.Mutex
	waiting []*Change
	closed  bool
}

func newQueue() *queue { return &queue{filled: make(chan struct{}, 1)} }

// tell puts a token into filled, unless it has one.
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

// take returns the oldest waiting changes that fit in maxBytes, at least one if any waits, and
// whether the queue is closed. The caller has received the token from filled; take puts it back
// if anything is left.
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
		q.waiting = nil // else the array would keep the taken changes and their torrents in memory
	}
	if len(q.waiting) > 0 || q.closed {
		q.tell()
	}
	return taken, q.closed
}

// gather yields the processor until no more changes arrive, since a group costs one sync
// regardless of its size. Otherwise, on a machine with one core, the first of many callers that
// wake up together would start the committer at once: groups of one, and less than a tenth of
// the changes per second. During a sync, the committer would decide and write the next group
// change by change.
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

// close makes take report that nothing more will come.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.tell()
}
