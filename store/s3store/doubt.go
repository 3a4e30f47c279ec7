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

// A write that got no answer and could not be read back is reported as [store.ErrUnavailable].
// If it was done all the same, the feed must announce it: until then, copies of a removed
// torrent are still served. So the node keeps reading back and announces the writes that were
// done, even if the caller never repeats the call.

const (
	// doubtPause is the interval between looks at the writes in doubt.
	doubtPause = time.Second
	// doubtTime is how long after its last try a write may still reach the engine.
	doubtTime = time.Minute
	// maxDoubts is how many writes may be in doubt. A node gives up any further ones; only a
	// repeated call announces those. Uploads, which are many and whose callers repeat them, may
	// use half of the limit.
	maxDoubts = 10_000
)

// doubt is a write to the slot of id that may have been done, and its feed entry.
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

// add keeps d. It reports false if there are too many.
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

// take removes and returns all writes in doubt.
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
	case !bucket.Landed(err) || d.id.IsZero(): // nothing was written
		d.write.settle()
	case !s.doubts.add(d):
		d.write.abandon()
	}
}

// resolveDoubts looks at the writes in doubt until ctx ends.
func (s *Store) resolveDoubts(ctx context.Context) {
	for wait.For(ctx, doubtPause) {
		open := s.doubts.take()
		var down atomic.Bool // the bucket cannot be read: keep the rest for the next round
		each(len(open), maxLookups, func(i int) {
			if !down.Load() {
				ended, err := s.resolve(ctx, open[i])
				if ended {
					return
				}
				down.CompareAndSwap(false, err != nil)
			}
			if !s.doubts.add(open[i]) {
				open[i].write.abandon()
			}
		})
	}
}

// resolve ends the write of d and reports true if it can tell whether the write was done.
func (s *Store) resolve(ctx context.Context, d doubt) (bool, error) {
	sl, err := s.readHeader(ctx, d.id)
	_, other := errors.AsType[*object.Foreign](err)
	switch {
	case other: // a newer version overwrote it
		d.write.abandon()
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
	d.write.abandon() // never done, or overwritten by a write that the feed has
	return true, nil
}
