package diskstore

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
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
func removing(removal store.Removal) (size int64, run func(*commit.Group, infohash.ID) (store.Removed, error)) {
	body := format.AppendRemoval(nil, removal)
	sum := format.Checksum(body)
	return format.RecordSize(len(body)), func(g *commit.Group, id infohash.ID) (store.Removed, error) {
		h := &format.Header{Kind: store.ChangeRemoved, BodySum: sum, Void: removal.Erase, Kept: removal.Keep && !removal.Erase}
		return g.Remove(id, h, body, removal)
	}
}

// Restore implements [store.Store]. The ids share their commits.
func (s *Store) Restore(ctx context.Context, ids []infohash.ID) []store.Removed {
	if err := s.enter(ctx); err != nil {
		return store.FailAll(len(ids), err)
	}
	defer s.leave()
	return s.changeEach(ctx, ids, format.RecordSize(0), (*commit.Group).Restore)
}

// changeEach has the committer make a change of at most size bytes for each id, and
// waits for all of them.
func (s *Store) changeEach(ctx context.Context, ids []infohash.ID, size int64, run func(*commit.Group, infohash.ID) (store.Removed, error)) []store.Removed {
	removed := make([]store.Removed, len(ids))
	if len(ids) == 0 {
		return removed
	}
	waiting := commit.NewCall(len(ids))
	changes := make([]*commit.Change, len(ids))
	for i, id := range ids {
		changes[i] = &commit.Change{Call: waiting, Slot: i, Size: size, Run: func(g *commit.Group) (_ store.Outcome, err error) {
			removed[i], err = run(g, id)
			return 0, err
		}}
	}
	s.committer.Submit(changes...)
	for i, r := range waiting.Wait(ctx) { // from then on no change is run
		removed[i].Err = r.Err
	}
	return removed
}
