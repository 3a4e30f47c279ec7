package s3store

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// Put implements [store.Store]. It stores the items concurrently and independently. If ctx ends,
// a put goes on in the background with a copy of its item. While the object of a torrent cannot
// be read, nothing can be decided about it, and the result is [store.ErrUnavailable].
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
	before := map[infohash.ID]*put{} // the last put of each id so far
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

// put is the put of one item, in progress.
type put struct {
	done   chan struct{} // closed when result is set
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

// awaitTurn waits until the earlier items that share an id with this one are done. It then
// acquires one of the places for puts.
func (s *Store) awaitTurn(ctx context.Context, item store.Item, before map[infohash.ID]*put) error {
	for _, id := range item.IDs.All() {
		if p := before[id]; p != nil {
			p.wait(ctx)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return s.takePlace(ctx, s.putPlaces)
}

// takePlace waits for one of places, at most the time of a call.
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

// startPut stores the item in the background. The caller has taken a place for it; runPut frees
// that place once the object is written.
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

// upload is an item together with the object that stores it.
type upload struct {
	item store.Item // its Torrent is a part of body
	body []byte     // the object, with the item's rank
	head object.Header
}

// bodyOf returns the object with a rank that may differ from the item's. It does not change
// u.body, because a request that was given up may still be sending it.
func (u *upload) bodyOf(rank store.Rank) []byte {
	if rank == u.item.Rank {
		return u.body
	}
	o := object.Object{Header: u.head, Torrent: u.item.Torrent}
	o.Rank = rank
	return o.Bytes()
}

// newUpload makes the upload of a copy of the item.
func (s *Store) newUpload(item store.Item, id object.WriteID) *upload {
	o := object.Object{Header: object.NewHeader(item, s.now()), Torrent: item.Torrent}
	o.Write = id
	u := &upload{item: item, body: o.Bytes(), head: o.Header}
	u.item.Torrent = u.body[object.HeaderSize:]
	return u
}
