package diskstore

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Remove implements [store.Store]. The ids share their commits, and with Erase each
// segment that holds bytes of them is compacted once.
func (s *Store) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	if err := s.enter(ctx); err != nil {
		return store.FailAll(len(ids), err)
	}
	defer s.leave()
	removal, err := removal.Kept(s.options.Clock)
	if err != nil {
		return store.FailAll(len(ids), err)
	}
	size, remove := removing(removal)
	results := s.changeEach(ctx, ids, size, remove)
	if removal.Erase {
		s.eraseEach(ctx, ids, results)
	}
	return results
}

// removing returns the change of a removal, of at most size bytes.
func removing(removal store.Removal) (size int64, run func(*group, infohash.ID) (store.Removed, error)) {
	body := format.AppendRemoval(nil, removal)
	sum := format.Checksum(body)
	return format.RecordSize(len(body)), func(g *group, id infohash.ID) (store.Removed, error) {
		h := &format.Header{Kind: store.ChangeRemoved, BodySum: sum, Void: removal.Erase, Kept: removal.Keep && !removal.Erase}
		return g.remove(id, h, body, removal)
	}
}

// Restore implements [store.Store]. The ids share their commits.
func (s *Store) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	if err := s.enter(ctx); err != nil {
		return store.FailAll(len(ids), err)
	}
	defer s.leave()
	return s.changeEach(ctx, ids, format.RecordSize(0), (*group).restore)
}

// changeEach has the committer make a change of at most size bytes for each id, and
// waits for all of them.
func (s *Store) changeEach(ctx context.Context, ids []infohash.ID, size int64, run func(*group, infohash.ID) (store.Removed, error)) []store.Removed {
	removed := make([]store.Removed, len(ids))
	if len(ids) == 0 {
		return removed
	}
	waiting := newCall(len(ids))
	changes := make([]*change, len(ids))
	for i, id := range ids {
		changes[i] = &change{call: waiting, slot: i, size: size, run: func(g *group) (_ store.Outcome, err error) {
			removed[i], err = run(g, id)
			return 0, err
		}}
	}
	s.committer.queue.add(changes...)
	for i, r := range waiting.wait(ctx) { // from then on no change is run
		removed[i].Err = r.Err
	}
	return removed
}

// remove is the change of a removal, whose record begins with h: of the whole record
// that has id, or of id alone.
func (g *group) remove(id infohash.ID, h *format.Header, body []byte, removal store.Removal) (store.Removed, error) {
	if err := store.CheckID(id); err != nil {
		return store.Removed{}, err
	}
	current, err := g.get(id)
	if err != nil {
		return store.Removed{}, err
	}
	if g.noRoomAtAll != nil {
		return store.Removed{}, g.noRoomAtAll
	}
	switch {
	case current != nil:
		h.Names, h.IDs = current.Names, current.IDs
	case id.Size() == infohash.SizeV2:
		h.Names, h.IDs = format.NameV2, infohash.Set{V2: id}
	default:
		h.Names, h.IDs = format.NameV1, infohash.Set{V1: id}
	}
	return store.Removed{IDs: h.IDs, Held: current.Visible()}, g.append(h, body, removal)
}

// restore is the change that undoes a removal.
func (g *group) restore(id infohash.ID) (store.Removed, error) {
	current, err := g.get(id)
	if err != nil {
		return store.Removed{}, err
	}
	if current == nil || !current.Removed {
		return store.Removed{}, store.ErrNotFound
	}
	if g.noRoomAtAll != nil {
		return store.Removed{}, g.noRoomAtAll
	}
	// Without void, an index that is built anew would find older bytes, which the ones
	// that left had replaced, if their segment is still there.
	h := &format.Header{Kind: store.ChangeRestored, Names: current.Names, IDs: current.IDs, Void: current.At.IsZero()}
	held := !current.At.IsZero() && !current.Damaged
	return store.Removed{IDs: current.IDs, Held: held}, g.append(h, nil, store.Removal{})
}
