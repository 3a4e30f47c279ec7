// Package work does what the resolver is for: it looks for torrents in swarms, many at a time, and
// puts those that it finds into a server.
package work

import (
	"context"
	"errors"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/resolver/internal/swarm"
)

// AtOnce is how many torrents are looked for at a time.
const AtOnce = 200

// patience is how long a server that is away, busy or full is asked again and again.
const patience = time.Minute

// Outcome is what became of a torrent.
type Outcome string

// The outcomes.
const (
	Found    Outcome = "found"
	Cached   Outcome = "cached"    // the server has it already
	NotFound Outcome = "not_found" // nobody who has it was found in time
	Invalid  Outcome = "invalid"   // the line names none, or its info hash names what is no torrent
	Refused  Outcome = "refused"   // by the server
	Failed   Outcome = "failed"    // the server does not answer
)

// Outcomes returns all of them.
func Outcomes() []Outcome { return []Outcome{Found, Cached, NotFound, Invalid, Refused, Failed} }

// Result is what became of a job.
type Result struct {
	Text    string // the line that named the torrent
	ID      infohash.ID
	Outcome Outcome
	Err     error // why it was not found; nil if it was
	Size    int   // of the torrent, in bytes; 0 if there is none
	Took    time.Duration
}

// Finder looks for a torrent; see [swarm.Finder].
type Finder interface {
	Find(ctx context.Context, job swarm.Job) (torrent []byte, free func(), err error)
}

// Server gets what is found.
type Server interface {
	// Missing returns those of ids that the server has not cached.
	Missing(ctx context.Context, ids []infohash.ID) ([]infohash.ID, error)
	// RPC returns the generated client.
	RPC() torrentcachev1.CacheServiceClient
}

// Worker does jobs. Its methods are safe for concurrent use.
type Worker struct {
	Finder Finder
	Server Server
}

// Look does a job that a person has named: the server may have the torrent already.
func (w *Worker) Look(ctx context.Context, job swarm.Job) Result {
	begun := time.Now()
	var missing []infohash.ID
	err := again(ctx, func() (err error) {
		missing, err = w.Server.Missing(ctx, []infohash.ID{job.IDs.Primary()})
		return err
	})
	result := Result{ID: job.IDs.Primary(), Outcome: Cached}
	switch {
	case err != nil:
		result.Outcome, result.Err = Failed, err
	case len(missing) > 0:
		return w.Fetch(ctx, job)
	}
	result.Took = time.Since(begun)
	return result
}

// Fetch does a job of which the server has said that it lacks the torrent.
func (w *Worker) Fetch(ctx context.Context, job swarm.Job) Result {
	begun := time.Now()
	result := Result{ID: job.IDs.Primary()}
	torrent, free, err := w.Finder.Find(ctx, job)
	switch {
	case errors.Is(err, swarm.ErrInvalid):
		result.Outcome, result.Err = Invalid, err
	case err != nil:
		result.Outcome, result.Err = NotFound, err
	default:
		result.Outcome, result.Err = w.put(ctx, job, torrent)
		free()
		if result.Outcome == Found {
			result.Size = len(torrent)
		}
	}
	result.Took = time.Since(begun)
	return result
}

// put puts a torrent into the server, for which it counts as fetched.
func (w *Worker) put(ctx context.Context, job swarm.Job, torrent []byte) (Outcome, error) {
	err := again(ctx, func() error {
		_, err := w.Server.RPC().CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{
			Torrent: torrent, ExpectedInfoHash: job.IDs.Primary().String(), Fetched: true,
		})
		return err
	})
	switch {
	case err == nil:
		return Found, nil
	case reason.Of(err).RetryAfter() > 0 || ctx.Err() != nil:
		return Failed, err
	}
	return Refused, err
}

// again calls the server until it answers something that lasts, or has been away, busy or full for
// too long.
func again(ctx context.Context, call func() error) error {
	for begun := time.Now(); ; {
		err := call()
		e := reason.Of(err)
		if e == nil {
			return nil
		}
		pause := e.RetryAfter()
		if pause == 0 || time.Since(begun)+pause > patience || !wait.For(ctx, pause) {
			return e
		}
	}
}
