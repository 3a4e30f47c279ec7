package tiered

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
)

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
	if s.down.Open() {
		return s.copyFirst(ctx, r, &s.counts.stale, true)
	}
	own, cancel := context.WithTimeout(ctx, flight.AskTime)
	defer cancel()
	torrent, err := s.remote.Get(own, r.id, r.room)
	switch {
	case r.refused != nil:
		return store.Torrent{}, r.refused // whatever it wraps: the remote did answer
	case ctx.Err() != nil:
		return store.Torrent{}, ctx.Err()
	case err != nil && (errors.Is(err, store.ErrUnavailable) || own.Err() != nil):
		s.down.Trip()
		return s.copyFirst(ctx, r, &s.counts.stale, true)
	}
	s.counts.misses.Add(1)
	s.down.Reset()
	return torrent, err
}
