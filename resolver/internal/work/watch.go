package work

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/resolver/internal/swarm"
)

// maxWaiting bounds the torrents that wait for their turn. Further torrents are dropped; the
// server names each again when somebody asks for it again.
const maxWaiting = 20_000

// Pauses before the stream of wanted torrents is opened again after it broke. They double from
// soonAgain to laterAgain.
const (
	soonAgain  = 500 * time.Millisecond
	laterAgain = 30 * time.Second
)

// Source streams the torrents that are wanted; see [client.Client.Wanted].
type Source func(ctx context.Context) iter.Seq2[*torrentcachev1.WatchWantedResponse, error]

// Watcher runs the jobs that a server names. Its methods are safe for concurrent use.
type Watcher struct {
	Worker *Worker
	Source Source
	// Tell is called with the result of each torrent, from one goroutine at a time.
	Tell func(Result)
	// State is called with an error when the stream of wanted torrents breaks, and with nil when
	// it delivers, including the first time.
	State func(error)

	attempts *attempts
	waiting  chan swarm.Job
	running  atomic.Int64
	hearing  atomic.Bool
	telling  sync.Mutex
}

// NewWatcher returns a Watcher that does nothing until it is run.
func NewWatcher(w *Worker, from Source, tell func(Result), state func(error)) *Watcher {
	return &Watcher{Worker: w, Source: from, Tell: tell, State: state, attempts: newAttempts(), waiting: make(chan swarm.Job, maxWaiting)}
}

// Waiting returns how many torrents wait for their turn. Running returns how many are being
// looked for. Hearing reports whether the stream of wanted torrents delivers.
func (w *Watcher) Waiting() int  { return len(w.waiting) }
func (w *Watcher) Running() int  { return int(w.running.Load()) }
func (w *Watcher) Hearing() bool { return w.hearing.Load() }

// Run looks for wanted torrents until ctx ends, AtOnce of them at a time.
func (w *Watcher) Run(ctx context.Context) {
	var working sync.WaitGroup
	for range AtOnce {
		working.Go(func() { w.work(ctx) })
	}
	w.listen(ctx)
	working.Wait()
}

// work runs one job after the other.
func (w *Watcher) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-w.waiting:
			w.running.Add(1)
			result := w.Worker.Fetch(ctx, job)
			w.running.Add(-1)
			if ctx.Err() != nil {
				return
			}
			w.attempts.end(result.ID, result.Outcome == Found, time.Now())
			w.telling.Lock()
			w.Tell(result)
			w.telling.Unlock()
		}
	}
}

// listen reads the stream of wanted torrents and opens it again when it breaks.
func (w *Watcher) listen(ctx context.Context) {
	pause, told := soonAgain, error(reason.New(reason.Overloaded, "nothing was said yet"))
	for ctx.Err() == nil {
		err := error(reason.New(reason.Overloaded, "the server ended the stream"))
		for news, failed := range w.Source(ctx) {
			if failed != nil {
				err = failed
				break
			}
			w.hearing.Store(true)
			if told != nil {
				w.State(nil)
				told = nil
			}
			pause = soonAgain
			w.take(news)
		}
		w.hearing.Store(false)
		if ctx.Err() != nil {
			return
		}
		if told == nil && pause > soonAgain || told != nil && told.Error() != err.Error() {
			w.State(err) // the first break is not reported: a restarting server is away for a moment
			told = err
		}
		wait.For(ctx, pause)
		pause = min(2*pause, laterAgain)
	}
}

// take queues the torrents that an answer names, except those that were looked for lately.
func (w *Watcher) take(news *torrentcachev1.WatchWantedResponse) {
	for _, torrent := range news.GetTorrents() {
		id, err := infohash.Parse(torrent.GetInfoHash())
		if err != nil || !w.attempts.begin(id, time.Now()) {
			continue
		}
		job := swarm.Job{IDs: id.Set(), Trackers: wanted.Trackers(torrent.GetTrackers())}
		select {
		case w.waiting <- job:
		default:
			w.attempts.leave(id)
		}
	}
}
