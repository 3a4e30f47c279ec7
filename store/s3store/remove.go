package s3store

import (
	"context"
	"errors"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Remove implements [store.Store]. An id that only an unfinished upload has
// named is removed with the ids that the upload names. Without Erase the bytes
// leave after [Options.PurgeAfter]. Neither reaches the old versions of objects
// that a bucket with versioning keeps.
func (s *Store) Remove(ctx context.Context, id infohash.ID, removal store.Removal) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	removal, err := removal.Of(id, s.clock)
	if err != nil {
		return err
	}
	return s.change(ctx, s.removing(id, removal))
}

// Restore implements [store.Store].
func (s *Store) Restore(ctx context.Context, id infohash.ID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if id.IsZero() {
		return store.ErrNotFound
	}
	return s.change(ctx, restoring(id))
}

// overwrite is a change of one slot: what it becomes, and what the feed says of it.
type overwrite struct {
	slot  *slot
	next  object
	kind  store.ChangeKind
	delta totals
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

// change makes the change that is planned, and returns when the feed has it.
func (s *Store) change(ctx context.Context, plan planner) error {
	w := s.sessions.begin()
	done := make(chan error, 1)
	s.detach(ctx, func(ctx context.Context) {
		d, err := s.makeChange(ctx, w, plan)
		if err == nil {
			err = s.announcer.add(d.entry, d.delta, w.settle).wait(ctx)
		}
		done <- s.failed(ctx, err)
		if err == nil {
			_ = s.bucket.remove(ctx, changeKey(w.id, d.id)) // what stays counts as left over
		}
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// makeChange runs plan and writes what it says, anew until no other writer was in
// between. It returns what the feed must get then; with an error it has ended w.
func (s *Store) makeChange(ctx context.Context, w *write, plan planner) (doubt, error) {
	d := doubt{write: w}
	if err := s.announcer.room(); err != nil {
		w.settle()
		return d, err
	}
	err := errLost
	for n := 0; errors.Is(err, errLost) && n < maxDecisions; n++ {
		var o *overwrite
		if o, err = plan(ctx, s.view(), w); err == nil {
			err = s.noteChange(ctx, w, o.slot.id)
		}
		if err != nil {
			continue
		}
		d.id, d.delta, d.since = o.slot.id, o.delta, time.Now()
		d.entry = entry{Change: store.Change{Kind: o.kind, IDs: o.next.ids, Time: s.now()}, write: w.id}
		if err = s.bucket.write(ctx, objectKey(d.id), o.next.bytes(), o.slot.etag); err == nil {
			s.damaged.drop(d.id)
			return d, nil
		}
	}
	s.endBy(err, d)
	return d, err
}

// planRemoval says which slot becomes a tombstone.
func (s *Store) planRemoval(ctx context.Context, v *view, w *write, id infohash.ID, r store.Removal) (*overwrite, error) {
	sl, next, err := v.toRemove(ctx, w, id)
	if err != nil {
		return nil, err
	}
	o := &overwrite{slot: sl, kind: store.ChangeRemoved, next: next}
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
		o.delta.torrents, o.delta.bytes = 1, int64(o.next.torrentLength)
	}
	return o, nil
}
