// Package work runs the resolver's jobs: it looks for many torrents in swarms at the same time,
// and puts those that it finds into a server.
package work

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/resolver/internal/swarm"
)

// AtOnce is how many torrents are looked for at a time.
const AtOnce = 200

// patience is how long calls to an unreachable, busy or full server are retried.
const patience = time.Minute

// Outcome is the result of looking for a torrent.
type Outcome string

// The outcomes.
const (
	Found    Outcome = "found"
	Cached   Outcome = "cached"    // the server has it already
	NotFound Outcome = "not_found" // no peer that has it was found in time
	Invalid  Outcome = "invalid"   // the line names no torrent, or the info hash is not that of a valid torrent
	Refused  Outcome = "refused"   // by the server
	Failed   Outcome = "failed"    // the server does not answer
)

// Outcomes returns all outcomes.
func Outcomes() []Outcome { return []Outcome{Found, Cached, NotFound, Invalid, Refused, Failed} }

// Result is the result of a job.
type Result struct {
	Text    string // the line that named the torrent
	ID      infohash.ID
	Outcome Outcome
	Err     error // nil if the outcome is Found or Cached
	Size    int   // of the torrent, in bytes; 0 if there is none
	Took    time.Duration
}

// Finder looks for a torrent; see [swarm.Finder].
type Finder interface {
	Find(ctx context.Context, job swarm.Job) (torrent []byte, free func(), err error)
}

// Server receives the torrents that are found.
type Server interface {
	// Missing returns the ids of torrents that the server has not cached.
	Missing(ctx context.Context, ids []infohash.ID) ([]infohash.ID, error)
	// RPC returns the generated client.
	RPC() torrentcachev1.CacheServiceClient
}

// Worker runs jobs. Its methods are safe for concurrent use.
type Worker struct {
	Finder Finder
	Server Server
}

// Look runs a job that a person has named. It asks first whether the server has the torrent
// already.
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

// Fetch runs a job for a torrent that the server has said it lacks.
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

// put puts a torrent into the server, marked as fetched.
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

// again repeats call while its error is a passing one, for patience at most.
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

// maxLine is the length of the longest line of a list, in bytes.
const maxLine = 64 << 10

// List runs the jobs that the lines of list name, AtOnce of them at a time. It calls tell with
// each result as soon as it is known, from one goroutine at a time. It returns an error if it did
// not reach the end of the list.
func (w *Worker) List(ctx context.Context, list io.Reader, tell func(Result)) error {
	var running sync.WaitGroup
	defer running.Wait()
	var telling sync.Mutex
	say := func(r Result) {
		telling.Lock()
		defer telling.Unlock()
		tell(r)
	}
	turns := make(chan struct{}, AtOnce)
	lines := bufio.NewScanner(list)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		job, err := swarm.ParseJob(text)
		if err != nil {
			say(Result{Text: text, Outcome: Invalid, Err: err})
			continue
		}
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		running.Go(func() {
			defer func() { <-turns }()
			result := w.Look(ctx, job)
			result.Text = text
			say(result)
		})
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return lines.Err()
}
