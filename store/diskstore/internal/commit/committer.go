// Package commit makes every change of a disk store. Callers hand changes to the [Committer]. It
// decides each of them, appends its records to the log, syncs the log, updates the index, and
// then answers, for many changes at a time, as a [Group]. The [ChangeSet] defines the meaning of
// records, for recovery as well.
//
// A change is a function of its group. Changes run one after the other in the committer's
// goroutine, and read only the index and the decisions before them. So the state that a change
// sees stays the same until the change is made. A caller's answer comes only after its change is
// durable.
//
// A change declares the maximum size of its records in advance. If there is no room for puts,
// changes that free space may use the space kept for them.
package commit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// flushEvery is how many bytes of the log the index on disk may lag behind. It bounds the log
// that opening after a crash reads again.
const flushEvery = 256 << 20

// Options configure a committer.
type Options struct {
	FS     vfs.FS
	Dir    string // of the store
	Logger *slog.Logger
	Clock  func() time.Time

	SegmentSize  int64 // size in bytes at which a segment is sealed
	MinFreeSpace int64 // bytes of the disk that puts leave free; negative: none
	MaxStoreSize int64 // maximum size of the store in bytes; 0: no maximum
	Evict        bool  // the store evicts below MaxStoreSize; puts that are no uploads leave it room for that
	Bounded      bool  // the store is a bounded cache
	ReadOnly     bool
	DropsStay    int64 // how long drops are remembered, in seconds
}

// Committer makes every change of a store, in one goroutine. While a group is being synced, the
// committer decides and writes the next one, so that neither the disk nor the processor waits
// for the other. Once a group is synced, it goes into the index and is answered, in order. The
// fields belong to that goroutine, except those below mu.
type Committer struct {
	options  Options
	queue    *queue
	index    *index.Index
	segments *log.Segments
	spare    *Spare
	accesses *Accesses

	active    *log.Segment
	reserved  int64       // the offset in active up to which space is reserved
	durable   int64       // the offset in active up to which it is synced
	state     index.State // after the last closed group; its offset is where the next group begins
	open      *Group      // takes changes; nil if none came since the last group was closed
	syncing   *Group      // the one before open; nil if none is being synced
	synced    chan error  // result of the sync of syncing
	unflushed int64       // bytes of the log since the last flush of the index
	buffer    []byte      // of a group's log, for reuse

	stopped chan struct{} // closed when the goroutine has ended

	moves atomic.Pointer[Moves] // records the moves of compaction; nil unless a verification runs

	mu           sync.Mutex
	published    index.State // the last durable state, for Stats
	publishedEnd int64       // reserved at that time
	broken       error       // why nothing can be written until the store is reopened
}

// New returns a committer that continues in the segment last, after a clean end. The log and the
// index are in the state now. It does nothing before [Committer.Run].
func New(o Options, x *index.Index, all *log.Segments, last *log.Segment, now index.State, s *Spare, a *Accesses) *Committer {
	return &Committer{
		options:   o,
		queue:     newQueue(),
		index:     x,
		segments:  all,
		spare:     s,
		accesses:  a,
		active:    last,
		reserved:  now.Offset,
		durable:   now.Offset,
		state:     now,
		published: now,
		synced:    make(chan error, 1),
		stopped:   make(chan struct{}),
	}
}

// Submit queues changes, whose calls will be answered. It must not be called after Stop.
func (c *Committer) Submit(changes ...*Change) { c.queue.add(changes...) }

// Do makes one change of at most size bytes, which may use the space that MinFreeSpace keeps
// free, and waits for it.
func (c *Committer) Do(ctx context.Context, size int64, run func(*Group) error) error {
	waiting := NewCall(1)
	c.queue.add(&Change{Call: waiting, Size: size, Run: func(g *Group) (store.Outcome, error) { return 0, run(g) }})
	return waiting.Wait(ctx)[0].Err
}

// RollOver begins another segment, unless the active one is empty, and waits until that is done.
func (c *Committer) RollOver(ctx context.Context) error {
	waiting := NewCall(1)
	c.queue.add(&Change{Call: waiting, roll: true, Run: func(g *Group) (store.Outcome, error) { return 0, g.noRoll }})
	return waiting.Wait(ctx)[0].Err
}

// Failure returns why nothing can be written; nil if writing works.
func (c *Committer) Failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// fail ends all writing until the store is reopened: only recovery can tell which bytes reached
// the disk.
func (c *Committer) fail(cause error) error {
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

// Stats returns the state after the last durable change.
func (c *Committer) Stats() index.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.published
}

// Restate replaces the state by one with the same log. It must be called before Run.
func (c *Committer) Restate(now index.State) { c.state, c.published = now, now }

// Stop waits until all queued changes are made, and ends Run. Nothing may be submitted any more.
func (c *Committer) Stop() {
	c.queue.close()
	<-c.stopped
}

// Watch makes m record the moves of compaction from now on; nil ends that.
func (c *Committer) Watch(m *Moves) { c.moves.Store(m) }

// Reservation returns the last durable state, and how many bytes are reserved after it in the
// active segment.
func (c *Committer) Reservation() (index.State, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.published, max(0, c.publishedEnd-c.published.Offset)
}
