package tiered

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Put implements [store.Store], by the remote. A stored torrent is copied when it is first read.
func (s *Store) Put(ctx context.Context, items []store.Item) []store.Result {
	results := s.remote.Put(ctx, items)
	var changed []infohash.Set
	for i, r := range results {
		switch {
		case r.Err == nil && r.Outcome == store.Outranked:
		case r.Err == nil && r.Outcome == store.AlreadyCached:
			s.forgetBelow(ctx, items[i])
		default:
			// A failed item may have been stored, or may show that a copy is outdated. A created
			// torrent was absent, so any copy is of one that others removed just now.
			changed = append(changed, items[i].IDs)
		}
	}
	s.forget(changed)
	return results
}

// forgetBelow deletes a copy with a lower rank than item, which the record now has, and cancels
// the loads that may become such a copy.
func (s *Store) forgetBelow(ctx context.Context, item store.Item) {
	s.fills.cancelOf(item.IDs.All())
	kept, ok := s.local.get(context.WithoutCancel(ctx), item.IDs.Primary(), nil)
	if ok && kept.Rank < item.Rank {
		s.local.forget(kept.IDs.All())
	}
}

// Remove implements [store.Store], by the remote. With Erase the bytes leave this
// node's disk before it returns, and other nodes' within a day.
func (s *Store) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	results := s.remote.Remove(ctx, ids, removal)
	var erased, hidden []infohash.Set
	for i, id := range ids {
		if removal.Erase && results[i].Err == nil {
			erased = append(erased, id.Set())
		} else {
			hidden = append(hidden, id.Set()) // the removal may be done even if it failed
		}
	}
	s.remove(hidden, false)
	s.remove(erased, true)
	return results
}

// Restore implements [store.Store], by the remote.
func (s *Store) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	results := s.remote.Restore(ctx, ids)
	sets := make([]infohash.Set, len(ids))
	for i, id := range ids {
		sets[i] = id.Set()
	}
	s.forget(sets)
	return results
}

// Value implements [store.Store], by the remote.
func (s *Store) Value(ctx context.Context, name string) ([]byte, error) {
	return s.remote.Value(ctx, name)
}

// SetValue implements [store.Store], by the remote.
func (s *Store) SetValue(ctx context.Context, name string, value []byte) error {
	return s.remote.SetValue(ctx, name, value)
}

// idsOf returns all ids of torrents.
func idsOf(sets []infohash.Set) (ids []infohash.ID) {
	for _, set := range sets {
		ids = append(ids, set.All()...)
	}
	return ids
}
