package s3store

import (
	"context"
	"errors"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// changing is a removal or restoration in progress.
type changing struct {
	done   chan struct{} // closed when result is set
	result store.Removed
}

func (c *changing) wait(ctx context.Context) store.Removed {
	select {
	case <-c.done:
		return c.result
	case <-ctx.Done():
		return store.Removed{Err: ctx.Err()}
	}
}

// changeEach makes the planned change of each id concurrently. Changes of a repeated id run one
// after the other.
func (s *Store) changeEach(ctx context.Context, ids []infohash.ID, plan func(infohash.ID) planner) []store.Removed {
	if err := s.enter(ctx); err != nil {
		return store.FailAll(len(ids), err)
	}
	defer s.leave()
	results := make([]store.Removed, len(ids))
	changes := make([]*changing, len(ids))
	before := map[infohash.ID]*changing{} // the last change of each id so far
	for i, id := range ids {
		if c := before[id]; c != nil {
			c.wait(ctx)
		}
		if results[i].Err = s.takePlace(ctx, s.changePlaces); results[i].Err != nil {
			continue
		}
		changes[i] = s.startChange(ctx, plan(id))
		before[id] = changes[i]
	}
	for i, c := range changes {
		if c != nil {
			results[i] = c.wait(ctx)
		}
	}
	return results
}

// startChange makes the planned change in the background. The change is done when the feed has
// it. The caller has taken a place for it; startChange frees that place once the object is
// written.
func (s *Store) startChange(ctx context.Context, plan planner) *changing {
	c := &changing{done: make(chan struct{})}
	w := s.sessions.begin()
	s.underWay.Add(1)
	s.detach(ctx, func(ctx context.Context) {
		d, held, err := s.makeChange(ctx, w, plan)
		<-s.changePlaces
		if err == nil {
			err = s.announcer.add(d.entry, d.delta, w.settle).wait(ctx)
		}
		s.underWay.Add(-1)
		c.result = store.Removed{IDs: d.entry.IDs, Held: held, Err: s.failed(ctx, err)}
		close(c.done)
		if err == nil {
			_ = s.bucket.Remove(ctx, changeKey(w.id, d.id)) // a key that stays is harmless
		}
	})
	return c
}

// makeChange runs plan and writes the object it returns. It repeats both while another writer is
// first, unless its own write may have been done before that writer's: a change must not be made
// twice. It returns the feed entry and whether the torrent is held, as [overwrite] says. With an
// error it has ended w.
func (s *Store) makeChange(ctx context.Context, w *write, plan planner) (d doubt, held bool, err error) {
	d = doubt{write: w}
	if err := s.announcer.checkRoom(); err != nil {
		w.settle()
		return d, false, err
	}
	err = bucket.ErrLost
	for n := 0; errors.Is(err, bucket.ErrLost) && !bucket.Landed(err) && n < maxDecisions; n++ {
		v := s.view()
		if n > 0 && v.has(ctx, d.id, w.id) {
			return d, held, nil
		}
		var o *overwrite
		if o, err = plan(ctx, v, w); err == nil {
			err = s.noteChange(ctx, w, o.slot.id)
		}
		if err != nil {
			continue
		}
		d.id, d.delta, d.since, held = o.slot.id, o.delta, time.Now(), o.held
		d.entry = object.Entry{Change: store.Change{Kind: o.kind, IDs: o.next.IDs, Time: s.now()}, Write: w.id}
		if err = s.bucket.Write(ctx, objectKey(d.id), o.next.Bytes(), o.slot.etag); err == nil {
			s.damaged.drop(d.id)
			return d, held, nil
		}
	}
	s.endBy(err, d)
	return d, false, err
}
