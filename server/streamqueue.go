package server

import "sync"

// uploadQueue holds the uploads of one stream between the goroutine that
// receives them and the one that stores them. It counts an upload until its
// result is sent, so its bounds are those of the stream's memory.
type uploadQueue struct {
	maxItems, maxBytes int

	mu      sync.Mutex
	changed *sync.Cond // any change of the fields below, all guarded by mu
	waiting []*upload  // received, not yet taken
	items   int        // waiting or taken, not yet done
	bytes   int        // of those
	closed  bool       // nothing more comes in
	aborted bool       // nobody takes any more
}

func newUploadQueue(maxItems, maxBytes int) *uploadQueue {
	q := &uploadQueue{maxItems: maxItems, maxBytes: maxBytes}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// push adds u when there is room for it. It reports false when nobody will take
// it any more, or the queue was closed.
func (q *uploadQueue) push(u *upload) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.aborted && !q.closed && q.items > 0 && (q.items >= q.maxItems || q.bytes+u.size > q.maxBytes) {
		q.changed.Wait()
	}
	if q.aborted || q.closed {
		return false
	}
	q.waiting = append(q.waiting, u)
	q.items++
	q.bytes += u.size
	q.changed.Broadcast()
	return true
}

// take returns everything that waits; if nothing does, it waits. After close it returns nothing
// once everything was taken.
func (q *uploadQueue) take() []*upload {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.changed.Wait()
	}
	batch := q.waiting
	q.waiting = nil
	return batch
}

// done frees the room of a batch that take returned.
func (q *uploadQueue) done(batch []*upload) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items -= len(batch)
	for _, u := range batch {
		q.bytes -= u.size
	}
	q.changed.Broadcast()
}

// close makes push refuse further uploads; those already pushed can still be taken.
func (q *uploadQueue) close() { q.set(&q.closed) }

// abort says that no take follows; a push that waits for room returns.
func (q *uploadQueue) abort() { q.set(&q.aborted) }

func (q *uploadQueue) set(flag *bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	*flag = true
	q.changed.Broadcast()
}
