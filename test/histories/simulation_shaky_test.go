//go:build e2e

package histories

import (
	"context"
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// shakyStore is a store whose calls sometimes fail. A failed call may still have taken effect.
type shakyStore struct {
	*memstore.Store
	sim *simulation
}

// fails returns the error of the next call, or nil. done reports whether the call takes effect.
func (s *shakyStore) fails() (err error, done bool) {
	if fault := s.sim.fault(); fault != "" {
		done = fault == "dropped afterwards" || fault == "cut" || fault == "late"
		return fmt.Errorf("%w: simulated", store.ErrUnavailable), done
	}
	return nil, true
}

// Put implements [store.Store].
func (s *shakyStore) Put(ctx context.Context, items []store.Item) []store.Result {
	err, done := s.fails()
	results := make([]store.Result, len(items))
	if done {
		results = s.Store.Put(ctx, items)
	}
	for i := range results {
		if err != nil {
			results[i] = store.Result{Err: err}
		}
	}
	return results
}

// Get implements [store.Store].
func (s *shakyStore) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	if err, _ := s.fails(); err != nil {
		return store.Torrent{}, err
	}
	return s.Store.Get(ctx, id, alloc)
}

// Has implements [store.Store].
func (s *shakyStore) Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error) {
	if err, _ := s.fails(); err != nil {
		return nil, err
	}
	return s.Store.Has(ctx, ids)
}

// Remove implements [store.Store].
func (s *shakyStore) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	return s.change(ids, func() []store.Removed { return s.Store.Remove(ctx, ids, removal) })
}

// Restore implements [store.Store].
func (s *shakyStore) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	return s.change(ids, func() []store.Removed { return s.Store.Restore(ctx, ids) })
}

func (s *shakyStore) change(ids []infohash.ID, do func() []store.Removed) []store.Removed {
	err, done := s.fails()
	results := make([]store.Removed, len(ids))
	if done {
		results = do()
	}
	for i := range results {
		if err != nil {
			results[i] = store.Removed{Err: err}
		}
	}
	return results
}

// Value implements [store.Store].
func (s *shakyStore) Value(ctx context.Context, name string) ([]byte, error) {
	if err, _ := s.fails(); err != nil {
		return nil, err
	}
	return s.Store.Value(ctx, name)
}

// SetValue implements [store.Store].
func (s *shakyStore) SetValue(ctx context.Context, name string, value []byte) error {
	err, done := s.fails()
	if !done {
		return err
	}
	return errors.Join(s.Store.SetValue(ctx, name, value), err)
}
