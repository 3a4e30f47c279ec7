package s3store

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// maxLookups is how many ids one call of Has looks up at a time.
const maxLookups = 32

// Get implements [store.Store]. It calls alloc when it knows the length of the object.
func (s *Store) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	if err := s.enter(ctx); err != nil {
		return store.Torrent{}, err
	}
	defer s.leave()
	own, cancel := context.WithTimeout(ctx, s.callTime)
	defer cancel()
	if id.IsZero() {
		return store.Torrent{}, store.ErrNotFound
	}
	if alloc == nil {
		alloc = allocate
	}
	sl, err := s.viewInto(alloc).find(own, id)
	switch {
	case err != nil:
		return store.Torrent{}, s.failed(ctx, err)
	case sl == nil:
		return store.Torrent{}, store.ErrNotFound
	case sl.broken:
		s.damage(sl)
		return store.Torrent{}, store.ErrDamaged
	case sl.Kind == object.KindTombstone:
		return store.Torrent{}, &store.RemovedError{Removal: sl.Removal()}
	case sl.Object.Damaged():
		s.damage(sl)
		return store.Torrent{}, store.ErrDamaged
	}
	return store.Torrent{IDs: sl.IDs, Bytes: sl.Torrent, Version: sl.Version, Rank: sl.Rank, Stored: sl.Stored}, nil
}

// Has implements [store.Store]. It reads headers only, so it knows a torrent as damaged only if
// this node has read that torrent whole.
func (s *Store) Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	has, errs := make([]store.Held, len(ids)), make([]error, len(ids))
	each(len(ids), maxLookups, func(i int) {
		if has[i], errs[i] = s.has(own, ids[i]); errs[i] != nil {
			cancel() // the answer is an error, even if all other ids succeed
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, s.failed(ctx, err)
		}
	}
	return has, nil
}

func (s *Store) has(ctx context.Context, id infohash.ID) (store.Held, error) {
	if id.IsZero() {
		return store.Held{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.callTime)
	defer cancel()
	sl, err := s.readHeader(ctx, id)
	if err == nil && sl.isAlias() {
		sl, err = s.readHeader(ctx, sl.IDs.Primary())
	}
	if err != nil || !sl.holds(id) || sl.broken || sl.Kind != object.KindTorrent || s.damaged.has(sl.id) {
		return store.Held{}, err
	}
	return store.Held{IDs: sl.IDs, Rank: sl.Rank}, nil
}

// allocate is the Alloc of callers that bring none.
func allocate(n int) ([]byte, error) { return make([]byte, n), nil }
