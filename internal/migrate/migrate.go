// Package migrate makes a store equal to another store, which goes on serving. It reads the feed of
// the source. For each torrent that the feed names, it makes the record in the destination equal to
// the present one in the source. So it may process a change twice or late without harm, and a
// migration that was stopped goes on from the place in the feed that it saved.
//
// Run leaves the destination's other torrents alone. Nobody else may change the source's torrents
// in the destination; otherwise either change may win.
package migrate

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// batch is how many changes are processed between two saved places.
	batch = 1000

	// pollPause is how long to wait before asking a source whose feed has ended for more.
	pollPause = 500 * time.Millisecond

	// retryPause is how long to wait before asking again a store that could not answer.
	retryPause = time.Second
)

// Source is the store to read from; a [store.Store] is one.
type Source interface {
	Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error)
	Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error)
}

// Options configure a migration. All but After, Follow, Patience and CaughtUp are required.
type Options struct {
	From  Source
	To    store.Store
	After store.Cursor // the place to begin at
	// Parallel is how many torrents are under way at a time.
	Parallel int
	// Follow means to go on with changes after the end of the feed, until ctx ends.
	Follow bool
	// Patience is how long a store may be unavailable before the migration fails.
	Patience time.Duration
	// Save saves the place in the feed. Everything before it is durable in To and counted.
	Save func(store.Cursor) error
	// CaughtUp is called whenever the end of the feed is reached.
	CaughtUp func()
	// Refused is called for each torrent that cannot be moved, with the reason. Several goroutines
	// may call it at a time.
	Refused func(id infohash.ID, err error)
}

// Counts is the progress of a migration. It is safe for concurrent use.
type Counts struct {
	Changes  atomic.Int64 // processed changes of the feed
	Torrents atomic.Int64 // stored in the destination
	Bytes    atomic.Int64 // of those torrents
	Removals atomic.Int64 // made in the destination
	Refused  atomic.Int64
}

// Run copies changes until the end of the feed. With Follow it goes on until ctx ends, and then
// returns nil. It adds its progress to counts.
func Run(ctx context.Context, o Options, counts *Counts) error {
	m := &mover{Options: o, counts: counts}
	var since time.Time // when a store became unavailable; zero if none is
	for {
		more, err := m.step(ctx)
		switch {
		case ctx.Err() != nil && o.Follow:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, store.ErrUnavailable):
			if since.IsZero() {
				since = time.Now()
			}
			if time.Since(since) > o.Patience {
				return err
			}
			wait.For(ctx, retryPause)
		case err != nil:
			return err
		case more:
			since = time.Time{}
		case !o.Follow:
			return nil
		default:
			since = time.Time{}
			wait.For(ctx, pollPause)
		}
	}
}

type mover struct {
	Options
	counts *Counts
}

// step processes the next batch and reports whether there was one.
func (m *mover) step(ctx context.Context) (more bool, err error) {
	changes, next, err := m.From.Changes(ctx, m.After, batch)
	if err != nil {
		return false, fmt.Errorf("reading the feed: %w", err)
	}
	if len(changes) == 0 {
		if m.CaughtUp != nil {
			m.CaughtUp()
		}
		return false, nil
	}
	if err := m.all(ctx, distinct(changes)); err != nil {
		return false, err
	}
	m.counts.Changes.Add(int64(len(changes)))
	if err := m.Save(next); err != nil {
		return false, fmt.Errorf("noting the place: %w", err)
	}
	m.After = next
	return true, nil
}

// distinct returns the ids of changes, each set once.
func distinct(changes []store.Change) []infohash.Set {
	var sets []infohash.Set
	seen := map[infohash.Set]bool{}
	for _, c := range changes {
		if !seen[c.IDs] {
			seen[c.IDs] = true
			sets = append(sets, c.IDs)
		}
	}
	return sets
}

// all makes the destination equal for all sets. It stops at the first error.
func (m *mover) all(ctx context.Context, sets []infohash.Set) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan infohash.Set)
	var workers sync.WaitGroup
	for range m.Parallel {
		workers.Go(func() {
			for ids := range next {
				if err := m.equal(ctx, ids); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, ids := range sets {
		select {
		case next <- ids:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}
