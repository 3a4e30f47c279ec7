// Package migrate makes a store equal to another one that serves meanwhile, by the
// other's feed: for each torrent that the feed names, it makes what the destination
// has the same as what the source has now. So a change may be done twice or at any
// later time without harm, and a migration that was stopped goes on from the place
// in the feed that it noted.
//
// Run leaves the destination's other torrents alone. Others must not change
// there the torrents that the source has, or one of both changes wins.
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
	// batch is how many changes are done between two notes of the place.
	batch = 1000

	// pollPause is how often a source whose feed has ended is asked for more.
	pollPause = 500 * time.Millisecond

	// retryPause is how long to wait for a store that cannot answer.
	retryPause = time.Second
)

// Source is what is read of the store to move; a [store.Store] is one.
type Source interface {
	Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error)
	Get(ctx context.Context, id infohash.ID, room store.Room) (store.Torrent, error)
}

// Options say what is moved where. All but After, Follow, Patience and CaughtUp are
// required.
type Options struct {
	From  Source
	To    store.Store
	After store.Cursor // the place to begin at
	// Parallel is how many torrents are under way at a time.
	Parallel int
	// Follow goes on with what changes after the end of the feed, until ctx ends.
	Follow bool
	// Patience is how long a store may be unavailable before the migration fails.
	Patience time.Duration
	// Save notes the place in the feed; everything before it is durable in To, and
	// counted.
	Save func(store.Cursor) error
	// CaughtUp is told whenever the end of the feed is reached.
	CaughtUp func()
	// Refused is told of each torrent that cannot be moved, with the reason. It is
	// called by several goroutines at a time.
	Refused func(id infohash.ID, err error)
}

// Counts is how far a migration is. It is safe for concurrent use.
type Counts struct {
	Changes  atomic.Int64 // of the feed, done
	Torrents atomic.Int64 // stored in the destination
	Bytes    atomic.Int64 // of those
	Removals atomic.Int64 // made in the destination
	Refused  atomic.Int64
}

// Run moves until the end of the feed, or with Follow until ctx ends, which is no
// error then. It adds what it does to counts.
func Run(ctx context.Context, o Options, counts *Counts) error {
	m := &mover{Options: o, counts: counts}
	var since time.Time // a store has been unavailable; zero: it is not
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

// step does the next batch and reports whether there was one.
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

// all makes the destination equal for all sets. The first error ends it.
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
