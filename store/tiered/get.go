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

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, id infohash.ID) (store.Torrent, error) {
	if err := ctx.Err(); err != nil {
		return store.Torrent{}, err
	}
	age := s.feed.age() // before the copy is read: what is applied meanwhile says nothing of it
	kept, ok := s.local.get(ctx, id)
	if !ok {
		s.counts.misses.Add(1)
		return s.fetch(ctx, id)
	}
	switch {
	case age <= Fresh:
		s.counts.hits.Add(1)
		return kept, nil
	case age <= s.maxStale:
		return s.askFirst(ctx, id, kept)
	default:
		s.counts.misses.Add(1)
		return s.remote.Get(ctx, id)
	}
}

// askFirst returns what the remote says of id, or kept, a copy, if it says nothing.
func (s *Store) askFirst(ctx context.Context, id infohash.ID, kept store.Torrent) (store.Torrent, error) {
	if s.down.open() {
		return s.stale(kept), nil
	}
	own, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	torrent, err := s.remote.Get(own, id)
	if ctx.Err() != nil {
		return store.Torrent{}, ctx.Err()
	}
	if err != nil && (errors.Is(err, store.ErrUnavailable) || own.Err() != nil) {
		s.down.trip()
		return s.stale(kept), nil
	}
	s.counts.misses.Add(1)
	s.down.reset()
	return torrent, err
}

func (s *Store) stale(kept store.Torrent) store.Torrent {
	s.counts.stale.Add(1)
	kept.Stale = true
	return kept
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
