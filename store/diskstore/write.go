package diskstore

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"runtime"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// hashChunk is about how many bytes of a batch are hashed before the committer
// gets them, and the processor if it wants: the next are hashed while it writes.
const hashChunk = 256 << 10

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
	if len(items) == 0 {
		return results
	}
	waiting := newCall(len(items))
	var changes []*change
	hashed := 0
	for i, item := range items {
		p, err := newCandidate(item)
		if err != nil {
			waiting.answer(i, store.Result{Err: err})
			continue
		}
		changes = append(changes, p.change(waiting, i))
		if hashed += len(item.Torrent); hashed >= hashChunk {
			s.committer.queue.add(changes...)
			changes, hashed = nil, 0
			runtime.Gosched()
		}
	}
	s.committer.queue.add(changes...)
	return s.compareAll(ctx, items, waiting.wait(ctx))
}

// change returns what puts p and sets result slot of waiting.
func (p *candidate) change(waiting *call, slot int) *change {
	return &change{
		call: waiting, slot: slot, size: recordSize(len(p.item.Torrent)), needy: true,
		run: func(g *group) (store.Outcome, error) { return g.put(p) },
	}
}

// compareAll reads what the items met that are already cached, or that the
// committer could not decide.
func (s *Store) compareAll(ctx context.Context, items []store.Item, results []store.Result) []store.Result {
	for i, r := range results {
		if r.Err == nil && r.Outcome == store.AlreadyCached || errors.Is(r.Err, errUncompared) {
			results[i] = s.compare(ctx, items[i], r)
		}
	}
	return results
}

// compare reads the record that item met, before its uploader is told that it is
// there and throws the own bytes away. Other info bytes are a conflict. If the
// record is damaged, cannot be read, or is to be replaced, the item is put once more;
// it may then meet another record, which is compared in turn.
func (s *Store) compare(ctx context.Context, item store.Item, r store.Result) store.Result {
	for {
		header, body, at, err := s.find(ctx, item.IDs.Primary(), nil)
		var alike, unread location
		switch {
		case errors.Is(err, store.ErrDamaged):
		case errors.Is(err, errUnreadable):
			unread = at
		case errors.Is(err, store.ErrUnavailable):
			return store.Result{Err: err}
		case err == nil && !bytes.Equal(header.info(body), item.Info()):
			return store.Result{Err: store.ErrConflict}
		case r.Err == nil: // it is the same, or went meanwhile
			return r
		case err == nil:
			alike = at
		}
		p, err := newCandidate(item)
		if err != nil {
			return store.Result{Err: err}
		}
		p.alike, p.unread = alike, unread
		waiting := newCall(1)
		s.committer.queue.add(p.change(waiting, 0))
		if r = waiting.wait(ctx)[0]; !errors.Is(r.Err, errUncompared) {
			return r
		}
	}
}

// Remove implements [store.Store].
func (s *Store) Remove(ctx context.Context, id infohash.ID, removal store.Removal) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	removal, err := removal.Of(id, s.options.Clock)
	if err != nil {
		return err
	}
	body := appendRemoval(nil, removal)
	err = s.do(ctx, recordSize(len(body)), false, func(g *group) (store.Outcome, error) {
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
	return s.do(ctx, recordSize(0), false, func(g *group) (store.Outcome, error) {
		return 0, g.restore(id)
	})
}

// do has the committer run one change of at most size bytes, and waits for it.
func (s *Store) do(ctx context.Context, size int64, needy bool, run func(*group) (store.Outcome, error)) error {
	waiting := newCall(1)
	s.committer.queue.add(&change{call: waiting, size: size, needy: needy, run: run})
	return waiting.wait(ctx)[0].Err
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
	h := &header{kind: store.ChangeRemoved, bodySum: crc32.Checksum(body, castagnoli), void: removal.Erase}
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
	if g.noRoomAtAll != nil {
		return g.noRoomAtAll
	}
	// Without void, an index that is built anew would find older bytes, which the ones
	// that left had replaced, if their segment is still there.
	h := &header{kind: store.ChangeRestored, names: current.names, ids: current.ids, void: current.at.isZero()}
	return g.append(h, nil, store.Removal{})
}
