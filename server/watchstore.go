package server

import (
	"context"
	"errors"
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// news tells watchers that there are changes. It is safe for concurrent use.
type news struct {
	mu sync.Mutex
	ch chan struct{} // closed at the next change; nil if nobody waits
}

// next returns a channel that is closed when something changes after the call.
func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}

// watchedStore is a store that says what changed through it before the caller
// learns that it did.
type watchedStore struct {
	store.Store
	news     *news
	onChange func(infohash.Set) // nil if nobody wants to know
}

func (w *watchedStore) changed(ids infohash.Set) {
	if w.onChange != nil {
		w.onChange(ids)
	}
}

// Put implements [store.Store].
func (w *watchedStore) Put(ctx context.Context, items []store.Item) []store.Result {
	results := w.Store.Put(ctx, items)
	told := false
	for i, r := range results {
		// An item whose put was cancelled, or ended without an answer, may have landed.
		unknown := r.Err != nil && (ctx.Err() != nil || errors.Is(r.Err, store.ErrUnavailable))
		changed := r.Outcome != store.AlreadyCached && r.Outcome != store.Outranked
		if unknown || r.Err == nil && changed {
			w.changed(items[i].IDs)
			told = true
		}
	}
	if told {
		w.news.tell()
	}
	return results
}

// Remove implements [store.Store]. It is seen through even if ctx ends: who is told
// of a change too early may take up again what was before it.
func (w *watchedStore) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	results := w.Store.Remove(context.WithoutCancel(ctx), ids, removal)
	w.tellOf(results)
	return results
}

// Restore implements [store.Store]. It is seen through as Remove is.
func (w *watchedStore) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	results := w.Store.Restore(context.WithoutCancel(ctx), ids)
	w.tellOf(results)
	return results
}

// tellOf says what removals or restorations changed. Those that failed may have happened
// all the same; if it is not known to which ids, any torrent may have changed.
func (w *watchedStore) tellOf(results []store.Removed) {
	told, unknown := false, false
	for _, r := range results {
		switch {
		case r.IDs != infohash.Set{}:
			w.changed(r.IDs)
			told = true
		case !errors.Is(r.Err, store.ErrInvalid) && !errors.Is(r.Err, store.ErrNotFound) && !errors.Is(r.Err, store.ErrFull):
			unknown = true
		}
	}
	if unknown {
		w.changed(infohash.Set{})
	}
	if told || unknown {
		w.news.tell()
	}
}
