package diskstore

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// flushEvery is how many bytes of the log the index may lag behind on disk. It
// bounds what opening after a crash has to read again.
const flushEvery = 256 << 20

// committer makes every change of a store, in one goroutine. Changes that come
// while a group is being synced are decided and written meanwhile, as the next
// group, so that neither the disk nor the processor waits for the other. A group
// goes into the index and is answered once it is synced, in order. The fields
// belong to that goroutine, save those below mu.
type committer struct {
	options  Options
	queue    *queue
	index    *index.Index
	segments *log.Segments
	spare    *spare
	accesses *accesses

	active    *log.Segment
	reserved  int64       // the offset in active up to which space is reserved
	durable   int64       // the offset in active up to which it is synced
	state     index.State // after the last group that was closed; its offset is where the next begins
	open      *group      // takes changes; nil if none came since the last was closed
	syncing   *group      // the one before open; nil if none is being synced
	synced    chan error  // how the sync of syncing ended
	unflushed int64       // bytes of the log since the last flush of the index
	buffer    []byte      // of a group's log, to be used again

	stopped chan struct{} // closed when the goroutine has ended

	moves atomic.Pointer[moves] // told where compaction puts torrents; nil while nobody verifies

	mu           sync.Mutex
	published    index.State // the last that is durable, for Stats
	publishedEnd int64       // reserved, as it was then
	broken       error       // why nothing can be written until the store is opened again
}

// run works until the queue is closed and empty.
func (c *committer) run() {
	defer close(c.stopped)
	for {
		filled := c.queue.filled
		if c.open != nil && c.open.full() {
			filled = nil
		}
		select {
		case err := <-c.synced:
			c.endSync(err)
		case <-filled:
			if !c.takeUp() {
				c.drain()
				return
			}
		}
		c.close()
	}
}

// takeUp adds what waits, and reports false when nothing will any more.
func (c *committer) takeUp() bool {
	c.queue.gather()
	changes, closed := c.queue.take(min(maxTakeBytes, c.options.SegmentSize))
	if len(changes) > 0 {
		c.add(changes)
	}
	return len(changes) > 0 || !closed
}

// add decides changes and writes their records, as a part of the open group.
func (c *committer) add(changes []*change) {
	err := c.failure()
	if err == nil {
		err = c.prepare(changes)
	}
	if err != nil {
		for _, change := range changes {
			change.call.answer(change.slot, store.Result{Err: err})
		}
		return
	}
	for _, change := range changes {
		c.open.take(change)
	}
	if err := c.open.write(); err != nil {
		_ = c.fail(fmt.Errorf("appending to segment %d: %w", c.active.ID, err))
	}
}

// close ends the open group, unless another is being synced, and begins to sync it.
func (c *committer) close() {
	g := c.open
	if g == nil || c.syncing != nil {
		return
	}
	c.open = nil
	c.state = g.State
	c.keep(g.log)
	if g.bytes == 0 || c.failure() != nil {
		c.settle(g, nil)
		return
	}
	c.syncing = g
	file := c.active.File
	go func() { c.synced <- files.SyncRecords(file) }()
}

// endSync settles the group whose sync ended. The disk goes on with the next
// one before.
func (c *committer) endSync(err error) {
	done := c.syncing
	c.syncing = nil
	if err == nil {
		c.durable = done.State.Offset
		if c.open != nil && c.open.bytes > 0 {
			c.close()
		}
	}
	c.settle(done, err)
	for _, next := range []*group{c.syncing, c.open} {
		if next != nil {
			next.before = nil
		}
	}
}

// drain settles all that was taken up.
func (c *committer) drain() {
	c.close()
	for c.syncing != nil {
		c.endSync(<-c.synced)
		c.close()
	}
}

// settle puts a group that is synced, unless that failed with err, into the
// index, and answers it. After a failure the groups behind it fail too: the
// index must have no gap.
func (c *committer) settle(g *group, err error) {
	switch broken := c.failure(); {
	case broken != nil:
		err = broken
	case err != nil:
		err = c.fail(fmt.Errorf("syncing segment %d: %w", g.State.Segment, err))
	case g.isEmpty():
	default:
		if err = c.index.Commit(&g.Batch); err != nil {
			err = c.fail(err)
		} else {
			c.publish(g)
		}
	}
	for i, change := range g.changes {
		if err != nil {
			g.results[i] = store.Result{Err: err}
		}
		change.call.answer(change.slot, g.results[i])
	}
}

// publish makes g's state the durable one and has the index written out when
// enough has gathered.
func (c *committer) publish(g *group) {
	c.mu.Lock()
	c.published = g.State
	c.publishedEnd = 0
	if c.active.ID == g.State.Segment {
		c.publishedEnd = c.reserved
	}
	c.mu.Unlock()
	c.unflushed += g.bytes
	if c.unflushed < flushEvery {
		return
	}
	c.unflushed = 0
	if _, err := c.index.Flush(); err != nil {
		c.options.Logger.Error("the index could not be flushed", slog.Any("error", err))
	}
}

// keep keeps the buffer of a group's log, unless a large torrent made it large.
func (c *committer) keep(log []byte) {
	c.buffer = nil
	if cap(log) <= maxGroupBytes {
		c.buffer = log[:0]
	}
}

// failure returns why nothing can be written, nil if it can.
func (c *committer) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// fail ends all writing until the store is opened again: what reached the disk
// is unknown, and only recovery finds out.
func (c *committer) fail(cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	c.broken = cause
	if !errors.Is(cause, store.ErrUnavailable) {
		c.broken = fmt.Errorf("%w: writing failed, the store must be opened again: %w", store.ErrUnavailable, cause)
	}
	c.options.Logger.Error("the store takes no more changes", slog.Any("error", cause))
	return c.broken
}

func (c *committer) stats() index.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.published
}
