package server

import (
	"context"
	"errors"
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// notifier tells watchers that there are changes. It is safe for concurrent use.
type notifier struct {
	mu sync.Mutex
	ch chan struct{} // closed at the next change; nil if nobody waits
}

// next returns a channel that is closed when something changes after the call.
func (n *notifier) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch
}

func (n *notifier) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}

// watchedStore is a store that reports each change made through it before the caller learns that
// the change is made.
type watchedStore struct {
	store.Store
	notifier *notifier
	changed  func(infohash.Set) // is told the ids of each torrent that changed
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
		w.notifier.tell()
	}
	return results
}

// Remove implements [store.Store]. It runs to its end even if ctx ends: a watcher that learns of a
// change before it is made may read the old state again.
func (w *watchedStore) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	results := w.Store.Remove(context.WithoutCancel(ctx), ids, removal)
	w.tellOf(results)
	return results
}

// Restore implements [store.Store]. It runs to its end, as Remove does.
func (w *watchedStore) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	results := w.Store.Restore(context.WithoutCancel(ctx), ids)
	w.tellOf(results)
	return results
}

// tellOf reports the changes of removals or restorations. A failed one may have happened all the
// same; if its ids are not known, any torrent may have changed.
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
		w.notifier.tell()
	}
}
