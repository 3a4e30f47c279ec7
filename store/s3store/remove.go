package s3store

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
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
	next  object.Object
	kind  store.ChangeKind
	delta object.Totals
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
	o.held = !sl.broken && next.Kind == object.KindTorrent && !next.Damaged()
	if next.Kind != object.KindTombstone {
		o.delta.Removed = (&slot{Object: next}).removedIDs()
	}
	if sl.broken || next.Kind == object.KindTorrent {
		o.delta.Torrents, o.delta.Bytes = -1, -sl.countedBytes()
	}
	o.next.Write = w.id
	o.next.Reason, o.next.Reference = r.Reason, r.Reference
	o.next.Remove(r)
	if r.Erase {
		o.next.Erase()
	}
	if o.next.TorrentLength > 0 {
		err = s.schedulePurge(ctx, sl.id, r.Time)
	}
	return o, err
}

// toRemove returns the slot that must become a tombstone so that id is removed,
// and what becomes one: what the slot has, or an object with the ids alone.
func (v *view) toRemove(ctx context.Context, w *write, id infohash.ID) (*slot, object.Object, error) {
	sl, err := v.slot(ctx, id)
	if err != nil {
		return nil, object.Object{}, err
	}
	ahead := object.Object{Header: object.Header{IDs: setOf(id), Ahead: true}}
	if sl.broken {
		main, err := v.mendAlias(ctx, w, sl)
		if err != nil {
			return nil, object.Object{}, err
		}
		if main != nil {
			return main, main.Object, nil
		}
	}
	if !sl.isAlias() {
		return sl, sl.objectOr(id, ahead), nil
	}
	main, err := v.slot(ctx, sl.IDs.Primary())
	switch {
	case err != nil:
		return nil, object.Object{}, err
	case main.vacant() || main.holds(id):
		// Where nothing is, an upload under way may commit; what is damaged has the ids that the alias names.
		return main, main.objectOr(id, object.Object{Header: object.Header{IDs: sl.IDs}}), nil
	}
	return sl, ahead, nil // the alias leads to another torrent
}

// objectOr returns the slot's object if it is what is known of id, else otherwise.
func (sl *slot) objectOr(id infohash.ID, otherwise object.Object) object.Object {
	if sl.holds(id) && !sl.broken {
		return sl.Object
	}
	return otherwise
}

// planRestoration says what the tombstone of id becomes.
func planRestoration(ctx context.Context, v *view, w *write, id infohash.ID) (*overwrite, error) {
	sl, err := v.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if sl == nil || sl.broken || sl.Kind != object.KindTombstone {
		return nil, store.ErrNotFound
	}
	o := &overwrite{slot: sl, next: sl.Object, kind: store.ChangeRestored}
	o.next.Reason, o.next.Reference = "", ""
	o.next.Restore()
	o.next.Write = w.id
	o.delta.Removed = -sl.removedIDs()
	if o.next.Kind == object.KindTorrent {
		o.held = !o.next.Damaged()
		o.delta.Torrents, o.delta.Bytes = 1, int64(o.next.TorrentLength)
	}
	return o, nil
}
