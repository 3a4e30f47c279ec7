package mirror

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
)

// Source is the server that is followed. Nothing that it says is believed.
type Source interface {
	// Changes are the answers of WatchChanges after a cursor; an error comes last.
	Changes(ctx context.Context, after string) iter.Seq2[*torrentcachev1.WatchChangesResponse, error]
	// ReadTorrents are answers about each of ids, in order; an error comes last.
	ReadTorrents(ctx context.Context, ids []infohash.ID) iter.Seq2[*torrentcachev1.ReadTorrentsResponse, error]
}

// Target is the server here. Its errors are those of the API.
type Target interface {
	// Has is [store.Store.Has].
	Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error)
	// Dropped reports for each of ids whether it was dropped here lately because nobody read it.
	Dropped(ctx context.Context, ids []infohash.ID) ([]bool, error)
	// Keep stores a torrent that is said to have id, by the policy that holds for uploads. It
	// returns when the torrent is durable.
	Keep(ctx context.Context, id infohash.ID, torrent []byte, rank store.Rank) error
	// Remove removes torrents that a source says are removed, unless they are already; with
	// keep their bytes stay for a week.
	Remove(ctx context.Context, source, origin string, sets []infohash.Set, keep bool) error
	// Restore undoes the removal of a torrent if source made it.
	Restore(ctx context.Context, source string, set infohash.Set) error
	// Origin names this server as the origin of removals.
	Origin(ctx context.Context) (string, error)
	// Stats, Value and SetValue are those of [store.Store].
	Stats(ctx context.Context) (store.Stats, error)
	Value(ctx context.Context, name string) ([]byte, error)
	SetValue(ctx context.Context, name string, value []byte) error
}

// What becomes here of removals at the source.
const (
	Hide   = "hide"   // they are in force at once, and the bytes stay for a week
	Follow = "follow" // they are made as by an operator here: the bytes leave within a day
	Ignore = "ignore" // nothing
)

// Options say who follows whom, and how. Name, Source and Target are required.
type Options struct {
	Name      string // of the source, HOST:PORT
	Source    Source
	Target    Target
	KeepRanks bool   // torrents get the rank that they have there, at most that of a key; else they count as fetched
	Removals  string // empty: Hide
	// Rate is how many bytes of torrents a second are read at most; 0: any number.
	Rate   int64
	Logger *slog.Logger // nil: slog.Default()
}

const (
	firstPause   = 500 * time.Millisecond // before a source that failed is asked again
	longestPause = 30 * time.Second
)

// Follower follows one source. Its methods are safe for concurrent use.
type Follower struct {
	Options
	pace pace
	wake chan struct{} // has something when a pause may be over

	mu    sync.Mutex
	state state // guarded by mu, as all below
	ready bool  // the state was read
	again again // unless nothing was left out
	stats Stats
	heard time.Time // when the source last said something
	equal time.Time // when there last was nothing to do
}

// New returns a Follower that does nothing until it is run.
func New(o Options) *Follower {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Removals == "" {
		o.Removals = Hide
	}
	return &Follower{Options: o, pace: pace{rate: o.Rate}, wake: make(chan struct{}, 1), equal: time.Now()}
}

// Run follows until ctx ends. It writes one line when the source, or the store here, fails, and
// one when it goes on.
func (f *Follower) Run(ctx context.Context) {
	pause, told := firstPause, false
	recovered := func() {
		if pause = firstPause; told {
			f.Logger.Info("mirror: following again", "source", f.Name)
		}
		told = false
	}
	for ctx.Err() == nil {
		err := f.load(ctx)
		if err == nil && f.awaitResume(ctx) && f.owes() {
			err = f.askAgain(ctx)
		}
		if err == nil && ctx.Err() == nil {
			err = f.follow(ctx, recovered)
		}
		if ctx.Err() != nil || err == nil {
			continue
		}
		if !told && pause > firstPause { // a source that restarts is away for a moment
			f.Logger.Warn("mirror: cannot follow, and tries again", "source", f.Name, "cause", err)
			told = true
		}
		if reason.Of(err).Reason == reason.RequestInvalid { // the cursor is none of the source's
			f.restart()
		}
		wait.For(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

// follow reads the feed until it breaks, or removals stop it, or it is time to ask for what was
// left out, which is no error. It calls done after each answer.
func (f *Follower) follow(ctx context.Context, done func()) error {
	for news, err := range f.Source.Changes(ctx, f.cursor()) {
		if err != nil {
			return err
		}
		f.hear(news)
		if err := f.answer(ctx, news); err != nil {
			return err
		}
		if f.paused() {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		done()
		if len(news.GetChanges()) == 0 && f.owes() {
			return nil
		}
	}
	return reason.New(reason.Overloaded, "the source ended its feed")
}

// answer does all that an answer of the feed names, and moves the cursor.
func (f *Follower) answer(ctx context.Context, news *torrentcachev1.WatchChangesResponse) error {
	if news.GetRestarted() {
		f.Logger.Info("mirror: the source's feed began anew; what is lacking is looked for in all of it", "source", f.Name)
	}
	left := 0
	err := f.batches(news.GetChanges(), func(items []*item) error {
		n, err := f.batch(ctx, items)
		left += n
		return err
	})
	if err != nil || f.paused() {
		return err
	}
	if left > 0 {
		f.leave(f.cursor())
	}
	return f.move(ctx, news)
}

// batches calls do for the torrents that changes name, so many at a time as is good for memory,
// until it fails or removals stop the follower.
func (f *Follower) batches(changes []*torrentcachev1.Change, do func([]*item) error) error {
	for len(changes) > 0 {
		n := min(len(changes), batchSize)
		if err := do(itemsOf(changes[:n])); err != nil || f.paused() {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

// awaitResume waits until the follower is not stopped; false: ctx ended.
func (f *Follower) awaitResume(ctx context.Context) bool {
	for f.paused() {
		select {
		case <-f.wake:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
