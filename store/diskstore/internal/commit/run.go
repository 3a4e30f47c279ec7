package commit

import (
	"fmt"
	"log/slog"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

// Run makes changes until the queue is closed and empty.
func (c *Committer) Run() {
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

// takeUp adds the queued changes to the open group. It reports false when the queue is closed
// and empty.
func (c *Committer) takeUp() bool {
	c.queue.gather()
	changes, closed := c.queue.take(min(maxTakeBytes, c.options.SegmentSize))
	if len(changes) > 0 {
		c.add(changes)
	}
	return len(changes) > 0 || !closed
}

// add decides changes and writes their records, in the open group.
func (c *Committer) add(changes []*Change) {
	err := c.Failure()
	if err == nil {
		err = c.prepare(changes)
	}
	if err != nil {
		for _, change := range changes {
			change.Call.Answer(change.Slot, store.Result{Err: err})
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

// close closes the open group and begins to sync it, unless another group is being synced.
func (c *Committer) close() {
	g := c.open
	if g == nil || c.syncing != nil {
		return
	}
	c.open = nil
	c.state = g.State
	c.keep(g.log)
	if g.bytes == 0 || c.Failure() != nil {
		c.settle(g, nil)
		return
	}
	c.syncing = g
	file := c.active.File
	go func() { c.synced <- files.SyncRecords(file) }()
}

// endSync settles the group whose sync ended. First it starts the sync of the next group, so
// that the disk does not wait.
func (c *Committer) endSync(err error) {
	done := c.syncing
	c.syncing = nil
	if err == nil {
		c.durable = done.State.Offset
		if c.open != nil && c.open.bytes > 0 {
			c.close()
		}
	}
	c.settle(done, err)
	for _, next := range []*Group{c.syncing, c.open} {
		if next != nil {
			next.before = nil
		}
	}
}

// drain settles all groups.
func (c *Committer) drain() {
	c.close()
	for c.syncing != nil {
		c.endSync(<-c.synced)
		c.close()
	}
}

// settle puts a synced group into the index and answers it. If its sync failed with err, the
// group and those after it fail, because the index must have no gap.
func (c *Committer) settle(g *Group, err error) {
	switch broken := c.Failure(); {
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
		change.Call.Answer(change.Slot, g.results[i])
	}
}

// publish makes g's state the durable one, and flushes the index if enough has gathered.
func (c *Committer) publish(g *Group) {
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

// keep keeps the buffer of a group's log for reuse, unless a large torrent made it large.
func (c *Committer) keep(log []byte) {
	c.buffer = nil
	if cap(log) <= MaxGroupBytes {
		c.buffer = log[:0]
	}
}
