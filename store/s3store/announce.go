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

// announcePause is how long to wait before a batch that could not be written is
// tried again.
const announcePause = 200 * time.Millisecond

// announcer puts the changes of this node into the feed, all that wait together
// in one batch. What was announced stays due until it is there, even if whoever
// announced it has given up waiting: the change itself is done. It is safe for
// concurrent use.
type announcer struct {
	feed     *feed
	underWay func() int // how many puts this node has in progress, those that wait for the feed among them
	turn     turn       // of run alone

	mu      sync.Mutex
	waiting []*notice
	failing time.Time     // since when batches cannot be written; zero if they can
	more    chan struct{} // has a value when there may be some waiting
}

// notice is a change on its way into the feed.
type notice struct {
	entry  object.Entry
	delta  object.Totals
	done   func()        // called when it is in the feed
	landed chan struct{} // closed after that
}

func newAnnouncer(f *feed, underWay func() int) *announcer {
	return &announcer{feed: f, underWay: underWay, more: make(chan struct{}, 1)}
}

// maxWaiting is how many changes may wait before new ones are refused: ten batches.
const maxWaiting = 10 * object.MaxBatch

// room returns an error if so many changes wait that no other should be made.
func (a *announcer) room() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) >= maxWaiting {
		return fmt.Errorf("%w: %d changes wait to be written to the feed", store.ErrUnavailable, len(a.waiting))
	}
	return nil
}

// note notes whether a batch could be written.
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

// failingFor returns for how long batches cannot be written; 0 if they can.
func (a *announcer) failingFor() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failing.IsZero() {
		return 0
	}
	return time.Since(a.failing)
}

// add makes the change due and returns at once.
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

// wait returns when the notice is in the feed, or an error when ctx ends before.
func (n *notice) wait(ctx context.Context) error {
	select {
	case <-n.landed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: the change is stored, but not in the feed yet", store.ErrUnavailable)
	}
}

// take returns what waits, at most so many that a batch of size is full with them.
func (a *announcer) take(size int) []*notice {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(a.waiting), object.MaxBatch-size)
	taken := a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	return taken
}

// waits returns how many changes wait.
func (a *announcer) waits() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting)
}

// some waits until there are notices; false if ctx ended before.
func (a *announcer) some(ctx context.Context) bool {
	for {
		if a.waits() > 0 {
			return true
		}
		select {
		case <-a.more:
		case <-ctx.Done():
			return false
		}
	}
}

// gather waits until half of the puts in progress wait for the feed, but no longer
// than a write takes: what comes after that has to wait for the next batch.
func (a *announcer) gather(ctx context.Context) bool {
	timer := time.NewTimer(a.turn.write)
	defer timer.Stop()
	for a.waits() < (a.underWay()+1)/2 {
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
	for a.some(ctx) && wait.For(ctx, a.turn.left()) && a.gather(ctx) {
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

// draft is a batch that is not in the feed yet.
type draft struct {
	id    [16]byte // the same until it is certain that the batch is not there
	group []*notice
}

func newDraft(group []*notice) *draft {
	d := &draft{group: group}
	rand.Read(d.id[:])
	return d
}

// after returns the batch that follows one after which the totals are before.
func (d *draft) after(before object.Totals) *object.Batch {
	b := &object.Batch{ID: d.id, Totals: before, Entries: make([]object.Entry, len(d.group))}
	for i, n := range d.group {
		b.Totals.Add(n.delta)
		b.Entries[i] = n.entry
	}
	return b
}

// publish writes the draft as the next batch of the feed. Of the nodes that try
// the same number one wins; the others read its batch and try the next, with what
// came to wait meanwhile. It reports whether the draft is in the feed; if not, it
// may be tried again.
func (a *announcer) publish(ctx context.Context, d *draft) bool {
	if a.readTurns(ctx) != nil {
		return false
	}
	for {
		number, before, there := a.feed.next(d.id)
		if there {
			return true // by a try that got no answer
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

// readTurns reads what the others wrote in their turns, in one step if each had one.
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
