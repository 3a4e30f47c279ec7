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

// flushEvery is how many bytes of the log the index may lag behind on disk. It
// bounds what opening after a crash has to read again.
const flushEvery = 256 << 20

// Options say how changes are made, and what room there is for them.
type Options struct {
	FS     vfs.FS
	Dir    string // of the store
	Logger *slog.Logger
	Clock  func() time.Time

	SegmentSize  int64 // in bytes, at which a segment is sealed
	MinFreeSpace int64 // bytes of the disk that puts leave free; negative: none
	MaxStoreSize int64 // bytes that the store may take; 0: no bound
	Evict        bool  // room is made below MaxStoreSize, of which puts that nobody asked for leave a part
	Bounded      bool  // the store is a cache of something else
	ReadOnly     bool
	DropsStay    int64 // how long it is known that a torrent was dropped, in seconds
}

// Committer makes every change of a store, in one goroutine. Changes that come
// while a group is being synced are decided and written meanwhile, as the next
// group, so that neither the disk nor the processor waits for the other. A group
// goes into the index and is answered once it is synced, in order. The fields
// belong to that goroutine, save those below mu.
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
	state     index.State // after the last group that was closed; its offset is where the next begins
	open      *Group      // takes changes; nil if none came since the last was closed
	syncing   *Group      // the one before open; nil if none is being synced
	synced    chan error  // how the sync of syncing ended
	unflushed int64       // bytes of the log since the last flush of the index
	buffer    []byte      // of a group's log, to be used again

	stopped chan struct{} // closed when the goroutine has ended

	moves atomic.Pointer[Moves] // told where compaction puts torrents; nil while nobody verifies

	mu           sync.Mutex
	published    index.State // the last that is durable, for Stats
	publishedEnd int64       // reserved, as it was then
	broken       error       // why nothing can be written until the store is opened again
}

// New returns a committer that continues in the segment last, after a clean end, where the log
// and the index are in the state now. It does nothing before [Committer.Run].
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

// Submit has changes made, which must not come after Stop. Their calls are answered.
func (c *Committer) Submit(changes ...*Change) { c.queue.add(changes...) }

// Do has one change of at most size bytes made, which may use the space that MinFreeSpace
// keeps free, and waits for it.
func (c *Committer) Do(ctx context.Context, size int64, run func(*Group) (store.Outcome, error)) error {
	waiting := NewCall(1)
	c.queue.add(&Change{Call: waiting, Size: size, Run: run})
	return waiting.Wait(ctx)[0].Err
}

// RollOver begins another segment, unless the active one is empty, and waits for that.
func (c *Committer) RollOver(ctx context.Context) error {
	waiting := NewCall(1)
	c.queue.add(&Change{Call: waiting, roll: true, Run: func(g *Group) (store.Outcome, error) { return 0, g.noRoll }})
	return waiting.Wait(ctx)[0].Err
}

// Failure returns why nothing can be written, nil if it can.
func (c *Committer) Failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// fail ends all writing until the store is opened again: what reached the disk
// is unknown, and only recovery finds out.
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

// Stats returns the state after the last change that is durable.
func (c *Committer) Stats() index.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.published
}

// Restate takes over a state in which nothing was added to the log. It must come before Run.
func (c *Committer) Restate(now index.State) { c.state, c.published = now, now }

// Stop waits until all that was added is done, and ends Run. Nothing may be added any more.
func (c *Committer) Stop() {
	c.queue.close()
	<-c.stopped
}

// Watch has m told where compaction puts torrents from now on; nil has nobody told.
func (c *Committer) Watch(m *Moves) { c.moves.Store(m) }

// Reservation returns the last durable state, and how many bytes are reserved behind it in
// the active segment.
func (c *Committer) Reservation() (index.State, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.published, max(0, c.publishedEnd-c.published.Offset)
}
