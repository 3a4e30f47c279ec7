package s3store

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Remove implements [store.Store]. An id that only an unfinished upload has
// named is removed with the ids that the upload names. Without Erase the bytes
// leave after [Options.PurgeAfter]. Neither reaches the old versions of objects
// that a bucket with versioning keeps.
func (s *Store) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	removal, err := removal.Kept(s.clock)
	if err != nil && ctx.Err() == nil {
		return store.FailAll(len(ids), err)
	}
	return s.changeEach(ctx, ids, func(id infohash.ID) (planner, error) {
		return s.removing(id, removal), store.CheckID(id)
	})
}

// Restore implements [store.Store].
func (s *Store) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	return s.changeEach(ctx, ids, func(id infohash.ID) (planner, error) {
		if id.IsZero() {
			return nil, store.ErrNotFound
		}
		return restoring(id), nil
	})
}

// overwrite is a change of one slot: what it becomes, what the feed says of it, and
// whether the torrent is held before a removal or after a restoration.
type overwrite struct {
	slot  *slot
	next  object
	kind  store.ChangeKind
	delta totals
	held  bool
}

// planner says what a change overwrites, as far as v shows.
type planner func(ctx context.Context, v *view, w *write) (*overwrite, error)

func (s *Store) removing(id infohash.ID, r store.Removal) planner {
	return func(ctx context.Context, v *view, w *write) (*overwrite, error) {
		return s.planRemoval(ctx, v, w, id, r)
	}
}

func restoring(id infohash.ID) planner {
	return func(ctx context.Context, v *view, w *write) (*overwrite, error) {
		return planRestoration(ctx, v, w, id)
	}
}

// planRemoval says which slot becomes a tombstone.
func (s *Store) planRemoval(ctx context.Context, v *view, w *write, id infohash.ID, r store.Removal) (*overwrite, error) {
	sl, next, err := v.toRemove(ctx, w, id)
	if err != nil {
		return nil, err
	}
	o := &overwrite{slot: sl, kind: store.ChangeRemoved, next: next}
	o.held = !sl.broken && next.kind == kindTorrent && !next.damaged()
	if next.kind != kindTombstone {
		o.delta.removed = (&slot{object: next}).removedIDs()
	}
	if sl.broken || next.kind == kindTorrent {
		o.delta.torrents, o.delta.bytes = -1, -sl.countedBytes()
	}
	o.next.write = w.id
	o.next.reason, o.next.reference = r.Reason, r.Reference
	o.next.remove(r)
	if r.Erase {
		o.next.erase()
	}
	if o.next.torrentLength > 0 {
		err = s.schedulePurge(ctx, sl.id, r.Time)
	}
	return o, err
}

// toRemove returns the slot that must become a tombstone so that id is removed,
// and what becomes one: what the slot has, or an object with the ids alone.
func (v *view) toRemove(ctx context.Context, w *write, id infohash.ID) (*slot, object, error) {
	sl, err := v.slot(ctx, id)
	if err != nil {
		return nil, object{}, err
	}
	ahead := object{header: header{ids: setOf(id), ahead: true}}
	if sl.broken {
		main, err := v.mendAlias(ctx, w, sl)
		if err != nil {
			return nil, object{}, err
		}
		if main != nil {
			return main, main.object, nil
		}
	}
	if !sl.isAlias() {
		return sl, sl.objectOr(id, ahead), nil
	}
	main, err := v.slot(ctx, sl.ids.Primary())
	switch {
	case err != nil:
		return nil, object{}, err
	case main.vacant() || main.holds(id):
		// Where nothing is, an upload under way may commit; what is damaged has the ids that the alias names.
		return main, main.objectOr(id, object{header: header{ids: sl.ids}}), nil
	}
	return sl, ahead, nil // the alias leads to another torrent
}

// objectOr returns the slot's object if it is what is known of id, else otherwise.
func (sl *slot) objectOr(id infohash.ID, otherwise object) object {
	if sl.holds(id) && !sl.broken {
		return sl.object
	}
	return otherwise
}

// planRestoration says what the tombstone of id becomes.
func planRestoration(ctx context.Context, v *view, w *write, id infohash.ID) (*overwrite, error) {
	sl, err := v.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if sl == nil || sl.broken || sl.kind != kindTombstone {
		return nil, store.ErrNotFound
	}
	o := &overwrite{slot: sl, next: sl.object, kind: store.ChangeRestored}
	o.next.reason, o.next.reference = "", ""
	o.next.restore()
	o.next.write = w.id
	o.delta.removed = -sl.removedIDs()
	if o.next.kind == kindTorrent {
		o.held = !o.next.damaged()
		o.delta.torrents, o.delta.bytes = 1, int64(o.next.torrentLength)
	}
	return o, nil
}
