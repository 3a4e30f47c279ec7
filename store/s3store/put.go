package s3store

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// Put implements [store.Store]. The items are stored side by side, each on its
// own: a put that ctx ends goes on in the background, with a copy of the item. While
// the object of a torrent cannot be read nothing can be decided about it, and the
// answer is [store.ErrUnavailable].
func (s *Store) Put(ctx context.Context, items []store.Item) []store.Result {
	results := make([]store.Result, len(items))
	if err := s.enter(ctx); err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	defer s.leave()
	puts := make([]*put, len(items))
	before := map[infohash.ID]*put{} // of the items so far, the last of each id
	for i, item := range items {
		if results[i].Err = item.Validate(); results[i].Err != nil {
			continue
		}
		if results[i].Err = s.awaitTurn(ctx, item, before); results[i].Err != nil {
			continue
		}
		puts[i] = s.startPut(ctx, item)
		for _, id := range item.IDs.All() {
			before[id] = puts[i]
		}
	}
	for i, p := range puts {
		if p != nil {
			results[i] = p.wait(ctx)
		}
	}
	return results
}

// put is one item on its way.
type put struct {
	done   chan struct{} // closed when result is there
	result store.Result
}

func (p *put) wait(ctx context.Context) store.Result {
	select {
	case <-p.done:
		return p.result
	case <-ctx.Done():
		return store.Result{Err: ctx.Err()}
	}
}

// awaitTurn waits until the items before that have an id of this one are done,
// and takes one of the places for puts.
func (s *Store) awaitTurn(ctx context.Context, item store.Item, before map[infohash.ID]*put) error {
	for _, id := range item.IDs.All() {
		if p := before[id]; p != nil {
			p.wait(ctx)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return s.takePlace(ctx, s.places)
}

// takePlace waits for one of places.
func (s *Store) takePlace(ctx context.Context, places chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(s.callTime)
	defer timer.Stop()
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return store.ErrUnavailable
	}
}

// startPut stores the item in the background. It has a place, which it gives back
// when it needs none any more.
func (s *Store) startPut(ctx context.Context, item store.Item) *put {
	p := &put{done: make(chan struct{})}
	w := s.sessions.begin()
	u := s.newUpload(item, w.id)
	s.underWay.Add(1)
	s.detach(ctx, func(ctx context.Context) {
		defer s.underWay.Add(-1)
		p.result.Outcome, p.result.Err = s.runPut(ctx, u, w)
		close(p.done)
	})
	return p
}

// upload is an item as it is to be stored.
type upload struct {
	item store.Item // its bytes are those of body
	body []byte     // with the item's rank
	head object.Header
}

// bodyOf returns the object with another rank than the item's. The body itself stays
// as it is: a request that was given up may still be sending it.
func (u *upload) bodyOf(rank store.Rank) []byte {
	if rank == u.item.Rank {
		return u.body
	}
	o := object.Object{Header: u.head, Torrent: u.item.Torrent}
	o.Rank = rank
	return o.Bytes()
}

// newUpload copies the item.
func (s *Store) newUpload(item store.Item, id object.WriteID) *upload {
	o := object.Object{Header: object.NewHeader(item, s.now()), Torrent: item.Torrent}
	o.Write = id
	u := &upload{item: item, body: o.Bytes(), head: o.Header}
	u.item.Torrent = u.body[object.HeaderSize:]
	return u
}
