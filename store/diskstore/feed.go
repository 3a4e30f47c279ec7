package diskstore

import (
	"context"

	"github.com/torrentcache/torrentcache/store"
)

// Changes implements [store.Store]. The sequence of a cursor is that of a
// record; sequences rise but have gaps.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error) {
	if err := s.enter(ctx); err != nil {
		return nil, after, err
	}
	defer s.leave()
	from := uint64(0)
	if after.Epoch == s.epoch {
		from = after.Sequence
	}
	changes, last, err := s.index.Changes(from, limit)
	if err != nil || len(changes) == 0 {
		return nil, after, err
	}
	return changes, store.Cursor{Epoch: s.epoch, Sequence: last}, nil
}

// End implements [store.Store]. What comes later has a higher sequence than any
// that was given out.
func (s *Store) End(ctx context.Context) (store.Cursor, error) {
	if err := s.enter(ctx); err != nil {
		return store.Cursor{}, err
	}
	defer s.leave()
	return store.Cursor{Epoch: s.epoch, Sequence: s.committer.stats().Sequence}, nil
}

// Stats implements [store.Store]. DiskUsed is what the files hold; what is
// reserved for the active segment comes on top.
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	if err := s.enter(ctx); err != nil {
		return store.Stats{}, err
	}
	defer s.leave()
	now := s.committer.stats()
	return store.Stats{
		Torrents: now.Torrents,
		Removed:  now.Removed,
		Bytes:    now.Bytes,
		DiskUsed: s.segments.SealedBytes(now.Segment) + now.Offset + s.index.DiskUsed() + s.spare.size(),
	}, nil
}
