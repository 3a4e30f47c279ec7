package memstore

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Remove implements [store.Store].
func (s *Store) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	removal, err := removal.Kept(s.clock)
	if err != nil && ctx.Err() == nil {
		return store.FailAll(len(ids), err)
	}
	return s.changeEach(ctx, ids, func(id infohash.ID) store.Removed { return s.remove(id, removal) })
}

// changeEach makes a change of each id, under mu.
func (s *Store) changeEach(ctx context.Context, ids []infohash.ID, change func(infohash.ID) store.Removed) []store.Removed {
	if err := s.lock(ctx); err != nil {
		return store.FailAll(len(ids), err)
	}
	defer s.mu.Unlock()
	results := make([]store.Removed, len(ids))
	for i, id := range ids {
		results[i] = change(id)
	}
	return results
}

func (s *Store) remove(id infohash.ID, removal store.Removal) store.Removed {
	if err := store.CheckID(id); err != nil {
		return store.Removed{Err: err}
	}
	r := s.records[id]
	held := r.visible()
	if r == nil {
		r = &record{ids: []infohash.ID{id}, set: id.Set()}
		s.records[id] = r
	}
	s.count(r, -1)
	if removal.Erase {
		r.torrent, r.info = nil, nil
		removal.Erase = false
	}
	r.removal = &removal
	s.count(r, +1)
	s.announce(store.ChangeRemoved, r.set)
	return store.Removed{IDs: r.set, Held: held}
}

// Restore implements [store.Store].
func (s *Store) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	return s.changeEach(ctx, ids, s.restore)
}

func (s *Store) restore(id infohash.ID) store.Removed {
	r := s.records[id]
	if r == nil || r.removal == nil {
		return store.Removed{Err: store.ErrNotFound}
	}
	s.count(r, -1)
	r.removal = nil
	if r.torrent == nil {
		for _, id := range r.ids {
			delete(s.records, id)
		}
	} else {
		s.count(r, +1)
	}
	s.announce(store.ChangeRestored, r.set)
	return store.Removed{IDs: r.set, Held: r.visible()}
}

// Changes implements [store.Store].
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error) {
	if err := s.lock(ctx); err != nil {
		return nil, after, err
	}
	defer s.mu.Unlock()
	from := uint64(0)
	if after.Epoch == s.epoch {
		from = min(after.Sequence, uint64(len(s.feed)))
	}
	to := min(from+uint64(max(limit, 0)), uint64(len(s.feed)))
	if from == to {
		return nil, after, nil
	}
	return append([]store.Change(nil), s.feed[from:to]...), store.Cursor{Epoch: s.epoch, Sequence: to}, nil
}

// End implements [store.Store].
func (s *Store) End(ctx context.Context) (store.Cursor, error) {
	if err := s.lock(ctx); err != nil {
		return store.Cursor{}, err
	}
	defer s.mu.Unlock()
	return store.Cursor{Epoch: s.epoch, Sequence: uint64(len(s.feed))}, nil
}

func (s *Store) announce(kind store.ChangeKind, ids infohash.Set) {
	s.feed = append(s.feed, store.Change{Kind: kind, IDs: ids, Time: s.now()})
}
