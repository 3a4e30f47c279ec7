package tiered

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Put implements [store.Store], by the remote. What it stores is copied when it is
// first read.
func (s *Store) Put(ctx context.Context, items []store.Item) []store.Result {
	results := s.remote.Put(ctx, items)
	var changed []infohash.Set
	for i, r := range results {
		switch {
		case r.Err == nil && r.Outcome == store.Outranked:
		case r.Err == nil && r.Outcome == store.AlreadyCached:
			s.forgetBelow(ctx, items[i])
		default:
			// An item that failed may have landed, or says that a copy is not true. What was
			// created was not there: then a copy is of what others removed just now.
			changed = append(changed, items[i].IDs)
		}
	}
	s.forget(changed)
	return results
}

// forgetBelow takes away a copy with a lower rank than that of item, which the record
// has been put with, and the loads that may become one.
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
			erased = append(erased, setOf(id))
		} else {
			hidden = append(hidden, setOf(id)) // it may have happened even if it failed
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
		sets[i] = setOf(id)
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

// setOf returns the set that has id in the field it fits.
func setOf(id infohash.ID) infohash.Set {
	if id.Size() == infohash.SizeV2 {
		return infohash.Set{V2: id}
	}
	return infohash.Set{V1: id}
}

// idsOf returns all ids of torrents.
func idsOf(sets []infohash.Set) (ids []infohash.ID) {
	for _, set := range sets {
		ids = append(ids, set.All()...)
	}
	return ids
}
