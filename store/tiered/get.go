package tiered

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
)

// Get implements [store.Store]. It reads a copy only when it will serve that copy. It must not
// read the copy before it asks the remote, because alloc may return the same memory for both.
func (s *Store) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	if err := ctx.Err(); err != nil {
		return store.Torrent{}, err
	}
	r := newReader(id, alloc)
	age := s.feed.age() // before the copy is read, since changes applied later do not cover it
	switch {
	case age <= Fresh:
		return s.copyFirst(ctx, r, &s.counts.hits, false)
	case !s.local.has(ctx, id):
		return s.miss(ctx, r)
	case age <= s.maxStale:
		return s.askFirst(ctx, r)
	default:
		s.counts.misses.Add(1)
		return s.remote.Get(ctx, id, r.alloc)
	}
}

// copyFirst returns the copy and counts it in what. Without a copy it returns the remote's
// answer.
func (s *Store) copyFirst(ctx context.Context, r *reader, what *atomic.Int64, stale bool) (store.Torrent, error) {
	kept, ok := s.local.get(ctx, r.id, r.alloc)
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

// miss returns the remote's answer for a torrent without a copy, and keeps a copy.
func (s *Store) miss(ctx context.Context, r *reader) (store.Torrent, error) {
	s.counts.misses.Add(1)
	return s.fetch(ctx, r)
}

// askFirst returns the remote's answer, or the copy if the remote gives none.
func (s *Store) askFirst(ctx context.Context, r *reader) (store.Torrent, error) {
	if s.down.Open() {
		return s.copyFirst(ctx, r, &s.counts.stale, true)
	}
	own, cancel := context.WithTimeout(ctx, flight.AskTime)
	defer cancel()
	torrent, err := s.remote.Get(own, r.id, r.alloc)
	switch {
	case r.refused != nil:
		return store.Torrent{}, r.refused // the remote did answer, even if this is ErrUnavailable
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

// reader is one call of Get: the id, and the memory for the bytes.
type reader struct {
	id infohash.ID
	// alloc is the caller's Alloc, nil if the caller has none. It records its error in refused.
	alloc store.Alloc
	// refused is the error of alloc, which ends the Get. It is kept here because it may be of any
	// kind: it must not be taken for a bad copy or for an outage.
	refused error
}

func newReader(id infohash.ID, alloc store.Alloc) *reader {
	r := &reader{id: id}
	if alloc != nil {
		r.alloc = func(n int) (b []byte, err error) {
			b, r.refused = alloc(n)
			return b, r.refused
		}
	}
	return r
}

// own returns t with its bytes in memory from alloc, if there is one. It copies them: the
// bytes of t are shared and freed once written to disk, while a slow client may keep its bytes
// for long.
func (r *reader) own(t store.Torrent) (store.Torrent, error) {
	if r.alloc == nil || len(t.Bytes) == 0 {
		return t, nil
	}
	b, err := r.alloc(len(t.Bytes))
	if err != nil {
		return store.Torrent{}, err
	}
	n := copy(b, t.Bytes)
	t.Bytes = b[:n:n]
	return t, nil
}
