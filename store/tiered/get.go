package tiered

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// askTime is how long the remote is asked about what there is a copy of, before it
// counts as out of reach; and how long it does then, before it is asked again.
const askTime = time.Second

// Get implements [store.Store]. A copy is read when it is to be served, not before the
// remote is asked: room may give that read the same memory, and the copy would be lost.
func (s *Store) Get(ctx context.Context, id infohash.ID, room store.Room) (store.Torrent, error) {
	if err := ctx.Err(); err != nil {
		return store.Torrent{}, err
	}
	r := newReader(id, room)
	age := s.feed.age() // before the copy is read: what is applied meanwhile says nothing of it
	switch {
	case age <= Fresh:
		return s.copyFirst(ctx, r, &s.counts.hits, false)
	case !s.local.has(ctx, id):
		return s.miss(ctx, r)
	case age <= s.maxStale:
		return s.askFirst(ctx, r)
	default:
		s.counts.misses.Add(1)
		return s.remote.Get(ctx, id, r.room)
	}
}

// copyFirst returns the copy, which is counted as one of what; without one, what the
// remote says.
func (s *Store) copyFirst(ctx context.Context, r *reader, what *atomic.Int64, stale bool) (store.Torrent, error) {
	kept, ok := s.local.get(ctx, r.id, r.room)
	switch {
	case r.refused != nil:
		return store.Torrent{}, r.refused
	case !ok:
		return s.miss(ctx, r)
	}
	what.Add(1)
	kept.Stale = stale
	return kept, nil
}

// miss returns what the remote says of what there is no copy of, and keeps one.
func (s *Store) miss(ctx context.Context, r *reader) (store.Torrent, error) {
	s.counts.misses.Add(1)
	return s.fetch(ctx, r)
}

// askFirst returns what the remote says, or the copy if it says nothing.
func (s *Store) askFirst(ctx context.Context, r *reader) (store.Torrent, error) {
	if s.down.open() {
		return s.copyFirst(ctx, r, &s.counts.stale, true)
	}
	own, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	torrent, err := s.remote.Get(own, r.id, r.room)
	switch {
	case r.refused != nil:
		return store.Torrent{}, r.refused // whatever it wraps: the remote did answer
	case ctx.Err() != nil:
		return store.Torrent{}, ctx.Err()
	case err != nil && (errors.Is(err, store.ErrUnavailable) || own.Err() != nil):
		s.down.trip()
		return s.copyFirst(ctx, r, &s.counts.stale, true)
	}
	s.counts.misses.Add(1)
	s.down.reset()
	return torrent, err
}

// breaker remembers that the remote was out of reach, so that not every read waits
// to find out. The zero value says that it is in reach.
type breaker struct{ until atomic.Int64 } // nanoseconds of uptime; 0: closed

// open reports whether the remote is taken to be out of reach. Once in askTime it
// says no to one caller, who then finds out.
func (b *breaker) open() bool {
	until := b.until.Load()
	now := int64(uptime())
	if until == 0 || now < until {
		return until != 0
	}
	return !b.until.CompareAndSwap(until, now+int64(askTime))
}

func (b *breaker) trip()  { b.until.Store(int64(uptime() + askTime)) }
func (b *breaker) reset() { b.until.Store(0) }

// started is the beginning of uptime, which no change of the clock moves.
var started = time.Now()

func uptime() time.Duration { return time.Since(started) }
