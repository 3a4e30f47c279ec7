package diskstore

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/torrentcache/torrentcache/store"
)

// flushEvery is how many bytes of the log the index may lag behind on disk. It
// bounds what opening after a crash has to read again.
const flushEvery = 256 << 20

// committer makes every change of a store, one group after the other, in one
// goroutine. Its fields belong to that goroutine, save those below mu.
type committer struct {
	options  Options
	queue    *queue
	index    *index
	segments *segments

	active    *segment
	reserved  int64  // the offset in active up to which space is reserved
	state     state  // of the index; its offset is the end of active
	unflushed int64  // bytes of the log since the last flush of the index
	buffer    []byte // the log of the last group, to be used again

	stopped chan struct{} // closed when the goroutine has ended

	mu        sync.Mutex
	published state // the last that is durable, for Stats
	broken    error // why nothing can be written until the store is opened again
}

// group is what one turn of the committer writes.
type group struct {
	*changeSet
	committer *committer
	log       []byte // the records, encoded
	start     int64  // the offset in the segment where log will stand
	// noRoom and noRoomAtAll say why nothing may be appended, for changes that
	// must keep MinFreeSpace free and for those that need not.
	noRoom, noRoomAtAll error
	noRoll              error // why the active segment could not be sealed, if a change asked for it
}

// run works until the queue is closed and empty.
func (c *committer) run() {
	defer close(c.stopped)
	for {
		changes := c.queue.take(min(maxGroupBytes, c.options.SegmentSize))
		if len(changes) == 0 {
			return
		}
		c.commit(changes)
	}
}

// commit decides changes, makes them durable and answers them.
func (c *committer) commit(changes []*change) {
	results := make([]store.Result, len(changes))
	err := c.failure()
	if err == nil {
		err = c.write(changes, results)
	}
	for i, change := range changes {
		if err != nil {
			results[i] = store.Result{Err: err}
		}
		change.call.answer(change.slot, results[i])
	}
}

// write is commit without the answers. After an error, which wraps
// ErrUnavailable, the results mean nothing.
func (c *committer) write(changes []*change, results []store.Result) error {
	g, err := c.begin(changes)
	if err != nil {
		return c.fail(err)
	}
	for i, change := range changes {
		results[i] = change.decide(g)
	}
	c.keep(g.log)
	if len(g.log) > 0 {
		if err := appendRecords(c.active.file, g.log, g.start); err != nil {
			return c.fail(fmt.Errorf("appending to segment %d: %w", c.active.id, err))
		}
	}
	if len(g.entries) == 0 && len(g.log) == 0 && len(g.accounts) == 0 {
		return nil
	}
	g.state.offset = g.start + int64(len(g.log))
	if err := c.index.commit(g.changeSet); err != nil {
		return c.fail(err)
	}
	c.publish(g)
	return nil
}

// keep keeps a group's log to be used again, unless one large torrent made it
// larger than groups are.
func (c *committer) keep(log []byte) {
	c.buffer = nil
	if cap(log) <= 2*maxGroupBytes {
		c.buffer = log[:0]
	}
}

// decide runs the change unless its caller is gone.
func (change *change) decide(g *group) store.Result {
	change.call.mu.Lock()
	defer change.call.mu.Unlock()
	if change.call.abandoned {
		return store.Result{}
	}
	outcome, err := change.run(g)
	return store.Result{Outcome: outcome, Err: err}
}

// publish makes g's state the current one and has the index written out when
// enough has gathered.
func (c *committer) publish(g *group) {
	c.state = g.state
	c.mu.Lock()
	c.published = g.state
	c.mu.Unlock()
	c.unflushed += int64(len(g.log))
	if c.unflushed < flushEvery {
		return
	}
	c.unflushed = 0
	if _, err := c.index.flush(); err != nil {
		c.options.Logger.Error("the index could not be flushed", slog.Any("error", err))
	}
}

// append adds a new record to the group: to the log and to what the index will
// say, or to neither if it returns an error.
func (g *group) append(h *header, body []byte, removal store.Removal) error {
	before := len(g.log)
	h.sequence = g.state.sequence + 1
	h.time = g.committer.options.Clock().Unix()
	at := g.write(h, body)
	err := g.apply(h, at, removal)
	if err != nil {
		g.log = g.log[:before]
	}
	return err
}

// write adds a record to the log and returns its place.
func (g *group) write(h *header, body []byte) location {
	at := location{segment: g.state.segment, offset: g.start + int64(len(g.log)), length: uint32(len(body))}
	h.store = g.state.store
	h.segment = g.state.segment
	h.synced = uint64(g.start)
	g.log = appendRecord(g.log, h, body)
	return at
}

// put is the change of a candidate.
func (g *group) put(p *candidate) (store.Outcome, error) {
	outcome, err := g.decide(p)
	if err != nil || outcome == store.AlreadyCached {
		return outcome, err
	}
	if g.noRoom != nil {
		return 0, g.noRoom
	}
	h := &header{
		kind:       store.ChangeReplaced,
		names:      namesOf(p.item.IDs),
		rank:       p.item.Rank,
		ids:        p.item.IDs,
		infoOffset: uint32(p.item.InfoOffset),
		infoLength: uint32(p.item.InfoLength),
		version:    p.version,
		digest:     p.digest,
		bodySum:    p.sum,
	}
	if outcome == store.Created {
		h.kind = store.ChangeAdded
	}
	return outcome, g.append(h, p.item.Torrent, store.Removal{})
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
	if errors.Is(cause, store.ErrUnavailable) {
		c.broken = cause
	} else {
		c.broken = fmt.Errorf("%w: writing failed, the store must be opened again: %w", store.ErrUnavailable, cause)
	}
	c.options.Logger.Error("the store takes no more changes", slog.Any("error", cause))
	return c.broken
}

func (c *committer) stats() state {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.published
}
