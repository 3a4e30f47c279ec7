package s3store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/store"
)

// announcePause is how long to wait before a batch that could not be written is
// tried again.
const announcePause = 200 * time.Millisecond

// announcer puts the changes of this node into the feed, all that wait together
// in one batch. What was announced stays due until it is there, even if whoever
// announced it has given up waiting: the change itself is done. It is safe for
// concurrent use.
type announcer struct {
	feed *feed

	mu      sync.Mutex
	waiting []*notice
	more    chan struct{} // has a value when there may be some waiting
}

// notice is a change on its way into the feed.
type notice struct {
	entry  entry
	delta  totals
	done   func()        // called when it is in the feed
	landed chan struct{} // closed after that
}

func newAnnouncer(f *feed) *announcer { return &announcer{feed: f, more: make(chan struct{}, 1)} }

// add makes the change due and returns at once.
func (a *announcer) add(e entry, delta totals, done func()) *notice {
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

func (a *announcer) take() []*notice {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(a.waiting), maxBatch)
	taken := a.waiting[:n:n]
	a.waiting = a.waiting[n:]
	return taken
}

// run writes batches until ctx ends.
func (a *announcer) run(ctx context.Context) {
	for {
		group := a.take()
		if len(group) == 0 {
			select {
			case <-a.more:
				continue
			case <-ctx.Done():
				return
			}
		}
		var id [16]byte
		rand.Read(id[:])
		for !a.publish(ctx, id, group) {
			select {
			case <-time.After(announcePause):
			case <-ctx.Done():
				return
			}
		}
		for _, n := range group {
			n.done()
			close(n.landed)
		}
	}
}

// publish writes the group as the next batch of the feed. Of the nodes that try
// the same number one wins; the others read its batch and try the next. It
// reports whether the group is in the feed; if not, it may be tried again with
// the same id.
func (a *announcer) publish(ctx context.Context, id [16]byte, group []*notice) bool {
	for {
		number, before, there := a.feed.next(id)
		if there {
			return true // by a try that got no answer
		}
		b := &batch{id: id, totals: before, entries: make([]entry, len(group))}
		for i, n := range group {
			b.totals.add(n.delta)
			b.entries[i] = n.entry
		}
		err := a.feed.bucket.write(ctx, feedKey(number), b.bytes(), "")
		switch {
		case err == nil:
			a.feed.add(number, b)
			return true
		case !errors.Is(err, errLost) || a.feed.advanceTo(ctx, number) != nil:
			return false
		}
	}
}
