package s3store

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// Remove implements [store.Store]. If an id is known only from an unfinished upload, Remove
// removes all ids of that upload. Without Erase, the bytes are purged after [PurgeAfter]. In a
// bucket with versioning, the old versions of the objects stay.
func (s *Store) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	removal, err := removal.Kept(s.clock)
	if err != nil && ctx.Err() == nil {
		return store.FailAll(len(ids), err)
	}
	return s.changeEach(ctx, ids, func(id infohash.ID) planner { return s.removing(id, removal) })
}

// Restore implements [store.Store].
func (s *Store) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	return s.changeEach(ctx, ids, restoring)
}

// overwrite is a change of one slot: the new object, its feed entry, and whether the torrent is
// held before a removal or after a restoration.
type overwrite struct {
	slot  *slot
	next  object.Object
	kind  store.ChangeKind
	delta object.Totals
	held  bool
}

// planner decides which slot a change overwrites, given the objects in v.
type planner func(ctx context.Context, v *view, w *write) (*overwrite, error)

// removing returns the planner that makes a tombstone for id.
func (s *Store) removing(id infohash.ID, r store.Removal) planner {
	return func(ctx context.Context, v *view, w *write) (*overwrite, error) {
		if err := store.CheckID(id); err != nil {
			return nil, err
		}
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
}

// toRemove returns the slot in which a tombstone removes id, and the object to turn into that
// tombstone: the slot's own object, or an object with the ids alone.
func (v *view) toRemove(ctx context.Context, w *write, id infohash.ID) (*slot, object.Object, error) {
	sl, err := v.slot(ctx, id)
	if err != nil {
		return nil, object.Object{}, err
	}
	ahead := object.Object{Header: object.Header{IDs: id.Set(), Ahead: true}}
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
		// At a vacant key an upload in progress may commit. For a damaged object the alias names
		// the ids.
		return main, main.objectOr(id, object.Object{Header: object.Header{IDs: sl.IDs}}), nil
	}
	return sl, ahead, nil // the alias leads to another torrent
}

// objectOr returns the slot's object if it has the state of id, else otherwise.
func (sl *slot) objectOr(id infohash.ID, otherwise object.Object) object.Object {
	if sl.holds(id) && !sl.broken {
		return sl.Object
	}
	return otherwise
}

// restoring plans the object that replaces the tombstone of id.
func restoring(id infohash.ID) planner {
	return func(ctx context.Context, v *view, w *write) (*overwrite, error) {
		if id.IsZero() {
			return nil, store.ErrNotFound
		}
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
}
