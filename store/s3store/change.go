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

// changing is a removal or restoration on its way.
type changing struct {
	done   chan struct{} // closed when result is there
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

// changeEach makes the change of each id that plan returns, side by side. What stands
// twice is changed one after the other.
func (s *Store) changeEach(ctx context.Context, ids []infohash.ID, plan func(infohash.ID) (planner, error)) []store.Removed {
	if err := s.enter(ctx); err != nil {
		return store.FailAll(len(ids), err)
	}
	defer s.leave()
	results := make([]store.Removed, len(ids))
	changes := make([]*changing, len(ids))
	before := map[infohash.ID]*changing{} // of the ids so far, the last of each
	for i, id := range ids {
		planned, err := plan(id)
		if c := before[id]; err == nil && c != nil {
			c.wait(ctx)
		}
		if err == nil {
			err = s.takePlace(ctx, s.changing)
		}
		if err != nil {
			results[i].Err = err
			continue
		}
		changes[i] = s.startChange(ctx, planned)
		before[id] = changes[i]
	}
	for i, c := range changes {
		if c != nil {
			results[i] = c.wait(ctx)
		}
	}
	return results
}

// startChange makes the change that is planned, in the background; it is done when the
// feed has it. It has one of the places for changes, which it gives back when the change is
// written.
func (s *Store) startChange(ctx context.Context, plan planner) *changing {
	c := &changing{done: make(chan struct{})}
	w := s.sessions.begin()
	s.underWay.Add(1)
	s.detach(ctx, func(ctx context.Context) {
		d, held, err := s.makeChange(ctx, w, plan)
		<-s.changing
		if err == nil {
			err = s.announcer.add(d.entry, d.delta, w.settle).wait(ctx)
		}
		s.underWay.Add(-1)
		c.result = store.Removed{IDs: d.entry.IDs, Held: held, Err: s.failed(ctx, err)}
		close(c.done)
		if err == nil {
			_ = s.bucket.Remove(ctx, changeKey(w.id, d.id)) // what stays counts as left over
		}
	})
	return c
}

// makeChange runs plan and writes what it says, anew until no other writer was in
// between, unless the change may have been done before that one: it may not be done twice. It returns what the feed must get then, and whether the torrent is held as
// [overwrite] says; with an error it has ended w.
func (s *Store) makeChange(ctx context.Context, w *write, plan planner) (d doubt, held bool, err error) {
	d = doubt{write: w}
	if err := s.announcer.room(); err != nil {
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
