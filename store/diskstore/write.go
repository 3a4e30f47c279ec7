package diskstore

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, items []store.Item) []store.Result {
	results := make([]store.Result, len(items))
	if err := s.enter(ctx); err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	defer s.leave()
	waiting := newCall(len(items))
	var changes []*change
	for i, item := range items {
		p, err := newCandidate(item)
		if err != nil {
			waiting.answer(i, store.Result{Err: err})
			continue
		}
		changes = append(changes, &change{
			call:  waiting,
			slot:  i,
			size:  recordSize(len(item.Torrent)),
			needy: true,
			run:   func(g *group) (store.Outcome, error) { return g.put(&p) },
		})
	}
	if len(items) == 0 {
		return results
	}
	s.committer.queue.add(changes...)
	return s.healDuplicates(ctx, items, waiting.wait(ctx))
}

// healDuplicates reads what the items that are already cached met, before their
// uploaders are told so and throw their own bytes away. Those that met damage
// are put again, to heal it.
func (s *Store) healDuplicates(ctx context.Context, items []store.Item, results []store.Result) []store.Result {
	for i, r := range results {
		if r.Err != nil || r.Outcome != store.AlreadyCached {
			continue
		}
		if _, err := s.fetch(ctx, items[i].IDs.Primary()); !errors.Is(err, store.ErrDamaged) {
			continue
		}
		p, err := newCandidate(items[i])
		if err != nil {
			results[i] = store.Result{Err: err}
			continue
		}
		results[i] = s.perform(ctx, recordSize(len(items[i].Torrent)), true, func(g *group) (store.Outcome, error) { return g.put(&p) })
	}
	return results
}

// Remove implements [store.Store].
func (s *Store) Remove(ctx context.Context, id infohash.ID, removal store.Removal) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if id.IsZero() {
		return fmt.Errorf("%w: no id to remove", store.ErrInvalid)
	}
	if err := removal.Validate(); err != nil {
		return err
	}
	if removal.Time.IsZero() {
		removal.Time = s.options.Clock()
	}
	removal.Time = removal.Time.UTC().Truncate(time.Second)
	body := appendRemoval(nil, removal)
	err := s.do(ctx, recordSize(len(body)), false, func(g *group) (store.Outcome, error) {
		return 0, g.remove(id, body, removal)
	})
	if err != nil || !removal.Erase {
		return err
	}
	return s.erase(ctx, id)
}

// Restore implements [store.Store].
func (s *Store) Restore(ctx context.Context, id infohash.ID) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.do(ctx, recordSize(0), true, func(g *group) (store.Outcome, error) {
		return 0, g.restore(id)
	})
}

// do has the committer run one change of at most size bytes, and waits for it.
func (s *Store) do(ctx context.Context, size int64, needy bool, run func(*group) (store.Outcome, error)) error {
	return s.perform(ctx, size, needy, run).Err
}

// perform is do for a change with an outcome.
func (s *Store) perform(ctx context.Context, size int64, needy bool, run func(*group) (store.Outcome, error)) store.Result {
	waiting := newCall(1)
	s.committer.queue.add(&change{call: waiting, size: size, needy: needy, run: run})
	return waiting.wait(ctx)[0]
}

// remove is the change of a removal: of the whole record that has id, or of id
// alone.
func (g *group) remove(id infohash.ID, body []byte, removal store.Removal) error {
	current, err := g.get(id)
	if err != nil {
		return err
	}
	if g.noRoomAtAll != nil {
		return g.noRoomAtAll
	}
	h := &header{kind: store.ChangeRemoved, bodySum: crc32.Checksum(body, castagnoli)}
	switch {
	case current != nil:
		h.names, h.ids = current.names, current.ids
	case id.Size() == infohash.SizeV2:
		h.names, h.ids = nameV2, infohash.Set{V2: id}
	default:
		h.names, h.ids = nameV1, infohash.Set{V1: id}
	}
	return g.append(h, body, removal)
}

// restore is the change that undoes a removal.
func (g *group) restore(id infohash.ID) error {
	current, err := g.get(id)
	if err != nil {
		return err
	}
	if current == nil || !current.removed {
		return store.ErrNotFound
	}
	if g.noRoom != nil {
		return g.noRoom
	}
	h := &header{kind: store.ChangeRestored, names: current.names, ids: current.ids}
	return g.append(h, nil, store.Removal{})
}
