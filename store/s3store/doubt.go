package s3store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// A write that got no answer, and could not be read back, was answered with
// [store.ErrUnavailable]. If it was done all the same, the feed must have it: copies
// of a torrent that was removed are served until it does. So the node goes on to
// read back, and announces what it finds done, whether it is asked again or not.

const (
	// doubtPause is how often the writes in doubt are looked at.
	doubtPause = time.Second
	// doubtTime is how long after its tries a write may still arrive at the engine.
	doubtTime = time.Minute
	// maxDoubts is how many writes may be in doubt. A node that has more of them
	// gives the others up: only repeating such a call brings it into the feed.
	// Uploads, which are many and which their callers repeat, get half of the room.
	maxDoubts = 10_000
)

// doubt is a write to the slot of id that may have been done, and what the feed
// gets to know of it then.
type doubt struct {
	id    infohash.ID
	write *write
	entry object.Entry
	delta object.Totals
	since time.Time
}

// doubts are the writes in doubt. They are safe for concurrent use.
type doubts struct {
	mu   sync.Mutex
	open []doubt
}

// add keeps d; false if there are too many.
func (a *doubts) add(d doubt) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	limit := maxDoubts
	if d.entry.Kind == store.ChangeAdded || d.entry.Kind == store.ChangeReplaced {
		limit /= 2
	}
	if len(a.open) >= limit {
		return false
	}
	a.open = append(a.open, d)
	return true
}

// take returns all and keeps none.
func (a *doubts) take() []doubt {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.open
	a.open = nil
	return taken
}

// endBy ends the write of d, which failed with err.
func (s *Store) endBy(err error, d doubt) {
	switch {
	case !bucket.Landed(err) || d.id.IsZero(): // it came to no write
		d.write.settle()
	case !s.doubts.add(d):
		d.write.lose()
	}
}

// resolveDoubts looks at the writes in doubt until ctx ends.
func (s *Store) resolveDoubts(ctx context.Context) {
	for wait.For(ctx, doubtPause) {
		open := s.doubts.take()
		var down atomic.Bool // the bucket cannot be read: the next time, then
		each(len(open), maxLookups, func(i int) {
			if !down.Load() {
				ended, err := s.resolve(ctx, open[i])
				if ended {
					return
				}
				down.CompareAndSwap(false, err != nil)
			}
			if !s.doubts.add(open[i]) {
				open[i].write.lose()
			}
		})
	}
}

// resolve ends the write of d and reports true, if it can be said whether it was done.
func (s *Store) resolve(ctx context.Context, d doubt) (bool, error) {
	sl, err := s.readHeader(ctx, d.id)
	_, other := errors.AsType[*object.Foreign](err)
	switch {
	case other: // overwritten since
		d.write.lose()
		return true, nil
	case err != nil:
		return false, err
	case !sl.broken && sl.Write == d.write.id && sl.etag != "":
		s.damaged.drop(d.id)
		s.announcer.add(d.entry, d.delta, d.write.settle)
		return true, nil
	case time.Since(d.since) < doubtTime:
		return false, nil
	}
	d.write.lose() // never done, or overwritten since: then that is in the feed
	return true, nil
}
