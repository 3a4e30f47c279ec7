package s3store

import (
	"context"
	"fmt"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// The sequence of a cursor has two parts: the number of the next batch and, in the low
// positionBits, how many of its entries the reader has seen.
const positionBits = 16

// Changes implements [store.Store]. Changes of other nodes appear after [Options.Poll] at the
// latest. The store says that there are no changes only if it read the feed to its end within
// the last two seconds. Otherwise it fails with [store.ErrUnavailable], because a node that is
// cut off cannot know the changes of others.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error) {
	if err := s.enter(ctx); err != nil {
		return nil, after, err
	}
	defer s.leave()
	stale := s.feed.ensureCurrent(ctx)
	number, position := uint64(1), 0
	if after.Epoch == s.epoch && after.Sequence != 0 {
		number, position = after.Sequence>>positionBits, int(after.Sequence&(1<<positionBits-1))
	}
	var changes []store.Change
	var err error
	for end := s.feed.end(); err == nil && number <= end && len(changes) < limit; {
		var batches []*object.Batch
		batches, err = s.feed.from(ctx, number, min(end-number+1, uint64(limit-len(changes)), maxAhead))
		for _, b := range batches {
			from := min(position, len(b.Entries))
			to := min(from+limit-len(changes), len(b.Entries))
			for _, e := range b.Entries[from:to] {
				changes = append(changes, e.Change)
			}
			if position = to; to < len(b.Entries) {
				break
			}
			number, position = number+1, 0
		}
	}
	// Return the changes read before an error or the end of ctx: the caller can continue after
	// them.
	switch {
	case len(changes) > 0:
		return changes, s.cursor(number, position), nil
	case err != nil:
		return nil, after, s.failed(ctx, err)
	case stale != nil:
		return nil, after, s.failed(ctx, fmt.Errorf("%w: the feed cannot be read: %w", store.ErrUnavailable, stale))
	}
	return nil, after, nil
}

func (s *Store) cursor(number uint64, position int) store.Cursor {
	return store.Cursor{Epoch: s.epoch, Sequence: number<<positionBits | uint64(position)}
}

// End implements [store.Store].
func (s *Store) End(ctx context.Context) (store.Cursor, error) {
	if err := s.enter(ctx); err != nil {
		return store.Cursor{}, err
	}
	defer s.leave()
	if err := s.feed.advance(ctx); err != nil {
		return store.Cursor{}, s.failed(ctx, err)
	}
	return s.cursor(s.feed.end()+1, 0), nil
}

// Stats implements [store.Store]. The counts come from the last batch of the feed, in which each
// writer updates them. A change that never reached the feed is not counted. DiskUsed is 0, since
// S3 does not report it.
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	if err := s.enter(ctx); err != nil {
		return store.Stats{}, err
	}
	defer s.leave()
	t := s.feed.currentTotals()
	count, bytes := s.damaged.total()
	return store.Stats{Torrents: max(t.Torrents-count, 0), Removed: max(t.Removed, 0), Bytes: max(t.Bytes-bytes, 0)}, nil
}
