package s3store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// announcePause is how long to wait before writing a failed batch again.
const announcePause = 200 * time.Millisecond

// announcer puts the changes of this node into the feed. All changes that wait form one batch.
// An announced change stays due until the feed has it, even if its caller gave up waiting,
// because the change itself is done. It is safe for concurrent use.
type announcer struct {
	feed     *feed
	underWay func() int // puts in progress, including those that wait for the feed
	turn     turn       // only run uses it

	mu      sync.Mutex
	waiting []*notice
	failing time.Time     // when batches began to fail; zero if they do not
	more    chan struct{} // has a value when changes may be waiting
}

// notice is a change that waits for the feed.
type notice struct {
	entry  object.Entry
	delta  object.Totals
	done   func()        // called when the feed has it
	landed chan struct{} // closed after that
}

func newAnnouncer(f *feed, underWay func() int) *announcer {
	return &announcer{feed: f, underWay: underWay, more: make(chan struct{}, 1)}
}

// maxWaiting is how many changes may wait before new ones are refused: ten batches.
const maxWaiting = 10 * object.MaxBatch

// checkRoom returns an error if so many changes wait that no new one should be made.
func (a *announcer) checkRoom() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= maxWaiting {
		return fmt.Errorf("%w: %d changes wait to be written to the feed", store.ErrUnavailable, len(a.waiting))
	}
	return nil
}

// note records whether a batch could be written.
func (a *announcer) note(written bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case written:
		a.failing = time.Time{}
	case a.failing.IsZero():
		a.failing = time.Now()
	}
}

// failingFor returns how long batches have been failing; 0 if they do not.
func (a *announcer) failingFor() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failing.IsZero() {
		return 0
	}
	return time.Since(a.failing)
}

// add queues the change and returns at once.
func (a *announcer) add(e object.Entry, delta object.Totals, done func()) *notice {
	n := &notice{entry: e, delta: delta, done: done, landed: make(chan struct{})}
	a.mu.Lock()
	a.waiting = append(a.waiting, n)
	a.mu.Unlock()
	select {
	case a.more <- struct{}{}:
	default:
	}
	return n
}

// wait returns nil once the feed has the notice, or an error if ctx ends first.
func (n *notice) wait(ctx context.Context) error {
	select {
	case <-n.landed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: the change is stored, but not in the feed yet", store.ErrUnavailable)
	}
}

// take dequeues the changes that wait, at most as many as fit into a batch that has size entries
// already.
func (a *announcer) take(size int) []*notice {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(a.waiting), object.MaxBatch-size)
	taken := a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	return taken
}

// queued returns how many changes wait.
func (a *announcer) queued() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting)
}

// awaitSome waits until there are notices. It reports false if ctx ends first.
func (a *announcer) awaitSome(ctx context.Context) bool {
	for {
		if a.queued() > 0 {
			return true
		}
		select {
		case <-a.more:
		case <-ctx.Done():
			return false
		}
	}
}

// gather waits until half of the puts in progress wait for the feed, but no longer than one
// write takes. Later changes wait for the next batch.
func (a *announcer) gather(ctx context.Context) bool {
	timer := time.NewTimer(a.turn.write)
	defer timer.Stop()
	for a.queued() < (a.underWay()+1)/2 {
		select {
		case <-a.more:
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// run writes batches until ctx ends.
func (a *announcer) run(ctx context.Context) {
	for a.awaitSome(ctx) && wait.For(ctx, a.turn.left()) && a.gather(ctx) {
		d := newDraft(a.take(0))
		for !a.publish(ctx, d) {
			a.note(false)
			if !wait.For(ctx, announcePause) {
				return
			}
		}
		a.note(true)
		a.turn.end(a.feed)
		for _, n := range d.group {
			n.done()
			close(n.landed)
		}
	}
}

// draft is a batch that the feed does not have yet.
type draft struct {
	id    [16]byte // kept until the batch is known not to be in the feed
	group []*notice
}

func newDraft(group []*notice) *draft {
	d := &draft{group: group}
	rand.Read(d.id[:])
	return d
}

// after returns the batch of the draft, given the totals before it.
func (d *draft) after(before object.Totals) *object.Batch {
	b := &object.Batch{ID: d.id, Totals: before, Entries: make([]object.Entry, len(d.group))}
	for i, n := range d.group {
		b.Totals.Add(n.delta)
		b.Entries[i] = n.entry
	}
	return b
}

// publish writes the draft as the next batch of the feed. If several nodes try the same number,
// one wins; the others read its batch and try the next number, with the changes that were queued
// meanwhile. It reports whether the draft is in the feed; if not, the caller may try again.
func (a *announcer) publish(ctx context.Context, d *draft) bool {
	if a.readTurns(ctx) != nil {
		return false
	}
	for {
		number, before, there := a.feed.next(d.id)
		if there {
			return true // an earlier try got no answer but was done
		}
		b, begun := d.after(before), time.Now()
		err := a.feed.bucket.Write(ctx, feedKey(number), b.Bytes(), "")
		switch {
		case err == nil:
			a.turn.wrote(time.Since(begun))
			a.feed.add(number, b)
			return true
		case !errors.Is(err, bucket.ErrLost) || a.feed.advanceTo(ctx, number) != nil:
			return false
		}
		if _, _, there := a.feed.next(d.id); !there {
			*d = *newDraft(append(d.group, a.take(len(d.group))...))
		}
	}
}

// readTurns reads the batches that other nodes wrote in their turns, in one step if each wrote
// one.
func (a *announcer) readTurns(ctx context.Context) error {
	others := a.turn.expected()
	for end := others == 0; !end; others = 0 {
		var err error
		if end, err = a.feed.read(ctx, others+1); err != nil {
			return err
		}
	}
	return nil
}
