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
func (w *watchedStore) Remove(ctx context.Context, id infohash.ID, removal store.Removal) error {
	ctx = context.WithoutCancel(ctx)
	before, endErr := w.End(ctx)
	ids := w.idsOf(ctx, id)
	err := w.Store.Remove(ctx, id, removal)
	switch {
	case endErr != nil:
		ids = infohash.Set{}
	case ids != (infohash.Set{}):
		ids = w.removedAfter(ctx, before, id, ids)
	}
	// It may have happened even if it failed.
	w.changed(ids)
	w.news.tell()
	return err
}

// removedAfter returns the ids of the torrent that was removed by id after a
// cursor: it may have come between the look at the ids and the removal. If the
// feed does not tell, they are as they were.
func (w *watchedStore) removedAfter(ctx context.Context, after store.Cursor, id infohash.ID, were infohash.Set) infohash.Set {
	const page = 1000
	for {
		changes, next, err := w.Changes(ctx, after, page)
		if err != nil {
			return infohash.Set{}
		}
		for _, change := range changes {
			if change.Kind == store.ChangeRemoved && change.IDs.Contains(id) {
				return change.IDs
			}
		}
		if next == after {
			return were
		}
		after = next
	}
}

// Restore implements [store.Store]. It is seen through as Remove is.
func (w *watchedStore) Restore(ctx context.Context, id infohash.ID) error {
	ctx = context.WithoutCancel(ctx)
	err := w.Store.Restore(ctx, id)
	w.changed(w.idsOf(ctx, id))
	w.news.tell()
	return err
}

// idsOf returns all ids of the torrent that has id now: the zero Set, which means
// all torrents, if they cannot be found out, as those of a damaged record.
func (w *watchedStore) idsOf(ctx context.Context, id infohash.ID) infohash.Set {
	torrent, err := w.Get(ctx, id, nil)
	switch {
	case err == nil:
		return torrent.IDs
	case !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrRemoved):
		return infohash.Set{}
	case id.Size() == infohash.SizeV2:
		return infohash.Set{V2: id}
	default:
		return infohash.Set{V1: id}
	}
}
