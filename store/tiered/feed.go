package tiered

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// pollPause is the interval between requests for the end of the remote's feed.
	pollPause = 500 * time.Millisecond

	// pollTime bounds each request to the feed.
	pollTime = 1500 * time.Millisecond

	// openTime is how long Open waits for the feed. After that, a node that was away for long
	// serves while it catches up.
	openTime = 5 * time.Second

	// batch is how many changes are read at a time.
	batch = 1000

	// savePause is the interval between notes of the position in the feed.
	savePause = 5 * time.Second

	// repairPause is the interval between attempts to replace a failed cache.
	repairPause = time.Minute
)

// feed is the cache's position in the remote's feed.
type feed struct {
	heard atomic.Int64 // uptime at the begin of the last read to the end of the feed; 0: never
	known atomic.Bool  // applied is set: loads from now on are not older than it

	mu      sync.Mutex    // held while the feed is read and applied
	applied *store.Cursor // the changes up to here are applied; nil: the cache is empty
	earlier *store.Cursor // applied at the last note
}

func newFeed(at *store.Cursor) *feed {
	f := &feed{applied: at}
	f.known.Store(at != nil)
	return f
}

// age returns the time since the feed was last read to its end.
func (f *feed) age() time.Duration {
	heard := f.heard.Load()
	if heard == 0 {
		return math.MaxInt64
	}
	return flight.Uptime() - time.Duration(heard)
}

// position returns the position up to which the feed is applied; nil if unknown.
func (f *feed) position() *store.Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.applied == nil {
		return nil
	}
	at := *f.applied
	return &at
}

// toNote returns the position to note: the one at the previous call, savePause ago. After a
// crash the disk cannot tell damage in its last second from bytes never written, so the changes
// of that time are applied again.
func (f *feed) toNote() *store.Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.earlier
	if f.earlier = f.applied; f.applied != nil {
		now := *f.applied
		f.earlier = &now
	}
	return at
}

// knows reports whether the changes before c are applied.
func (f *feed) knows(c store.Cursor) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied != nil && f.applied.Epoch == c.Epoch && f.applied.Sequence >= c.Sequence
}

// follow applies the changes in the remote's feed until ctx ends.
func (s *Store) follow(ctx context.Context) {
	defer close(s.stopped)
	saved, repaired := flight.Uptime(), flight.Uptime()
	_ = s.catchUp(ctx) // readers check the age meanwhile
	close(s.heard)
	for wait.For(ctx, pollPause) {
		_ = s.catchUp(ctx)
		now := flight.Uptime()
		if now-saved >= savePause {
			s.local.save(s.feed.toNote())
			saved = now
		}
		if s.local.disk.Load() == nil && now-repaired >= repairPause {
			s.reset()
			repaired = now
		}
	}
}

// catchUp applies all changes that the remote has now.
func (s *Store) catchUp(ctx context.Context) error {
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	begun := flight.Uptime()
	end, err := bounded(ctx, s.remote.End)
	if err != nil {
		return err
	}
	if f.applied == nil { // there is no copy yet that could be older
		f.applied = &end
		f.known.Store(true)
	}
	if *f.applied != (store.Cursor{}) && end.Epoch != f.applied.Epoch {
		s.begin(end)
		return nil
	}
	for {
		changes, next, err := s.changesAfter(ctx, *f.applied)
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			break
		}
		if *f.applied != (store.Cursor{}) && next.Epoch != f.applied.Epoch {
			s.begin(end)
			return nil
		}
		s.apply(changes)
		f.applied = &next
	}
	f.heard.Store(int64(begun))
	return nil
}

func (s *Store) changesAfter(ctx context.Context, after store.Cursor) (changes []store.Change, next store.Cursor, err error) {
	next, err = bounded(ctx, func(ctx context.Context) (next store.Cursor, err error) {
		changes, next, err = s.remote.Changes(ctx, after, batch)
		return next, err
	})
	return changes, next, err
}

// bounded calls ask with a time limit.
func bounded(ctx context.Context, ask func(context.Context) (store.Cursor, error)) (store.Cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	return ask(ctx)
}

// begin empties the cache and sets its position to end: changes missing from a feed of another
// epoch are unknown. The caller holds the feed's mu.
func (s *Store) begin(end store.Cursor) {
	s.feed.heard.Store(0)
	s.fills.cancel(nil)
	s.local.empty()
	s.feed.applied, s.feed.earlier = &end, nil
}

// reset replaces a failed cache by an empty one.
func (s *Store) reset() {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.feed.heard.Store(0)
	s.feed.known.Store(false)
	s.fills.cancel(nil)
	s.local.empty()
	s.feed.applied, s.feed.earlier = nil, nil
}

// apply deletes the copies of changed torrents. A change of an unknown kind counts as any
// change. An added torrent needs nothing deleted: it was not there before, or its removal
// deleted the copy.
func (s *Store) apply(changes []store.Change) {
	var changed, removed []infohash.Set
	for _, c := range changes {
		switch c.Kind {
		case store.ChangeRemoved:
			removed = append(removed, c.IDs)
		case store.ChangeAdded:
		default:
			changed = append(changed, c.IDs)
		}
	}
	s.forget(changed)
	s.remove(removed, false)
}

// forget deletes the copies of torrents, and cancels the loads that may become copies.
func (s *Store) forget(sets []infohash.Set) {
	if len(sets) == 0 {
		return
	}
	ids := idsOf(sets)
	s.fills.cancel(ids)
	s.local.forget(ids)
}

// remove is forget for removed torrents, whose bytes must leave the disk: within a day, or, with
// erase, before it returns.
func (s *Store) remove(sets []infohash.Set, erase bool) {
	if len(sets) == 0 {
		return
	}
	s.fills.cancel(idsOf(sets))
	s.local.remove(sets, erase)
}

// Changes implements [store.Store]. It returns no change before the cache has applied it, and
// fails with [store.ErrUnavailable] while the remote's feed cannot be read.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error) {
	changes, next, err := s.remote.Changes(ctx, after, limit)
	if err != nil {
		return nil, after, err
	}
	known := len(changes) == 0 || s.feed.knows(next)
	if known && s.feed.age() <= Fresh {
		return changes, next, nil
	}
	if err := s.catchUp(ctx); err != nil {
		return nil, after, fmt.Errorf("%w: the feed cannot be read: %w", store.ErrUnavailable, err)
	}
	return changes, next, nil
}
