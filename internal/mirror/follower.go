package mirror

import (
	"cmp"
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

// Source is the server that is followed. The follower trusts nothing that it says.
type Source interface {
	// Changes yields the answers of WatchChanges after a cursor. An error ends the sequence.
	Changes(ctx context.Context, after string) iter.Seq2[*torrentcachev1.WatchChangesResponse, error]
	// ReadTorrents yields an answer about each of ids, in order. An error ends the sequence.
	ReadTorrents(ctx context.Context, ids []infohash.ID) iter.Seq2[*torrentcachev1.ReadTorrentsResponse, error]
}

// Target is the server here. Its errors are those of the API.
type Target interface {
	// Has is [store.Store.Has].
	Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error)
	// Dropped reports for each of ids whether this server dropped it lately because nobody read it.
	Dropped(ctx context.Context, ids []infohash.ID) ([]bool, error)
	// Keep stores a torrent that the source says has id, under the policy for uploads. It returns
	// when the torrent is durable.
	Keep(ctx context.Context, id infohash.ID, torrent []byte, rank store.Rank) error
	// Remove removes the torrents of sets, which source says are removed. It leaves alone those
	// that are removed already. With keep, their bytes stay for a week.
	Remove(ctx context.Context, source, origin string, sets []infohash.Set, keep bool) error
	// Restore undoes the removal of a torrent if source made that removal.
	Restore(ctx context.Context, source string, set infohash.Set) error
	// Origin returns the name of this server as an origin of removals.
	Origin(ctx context.Context) (string, error)
	// Stats, Value and SetValue are those of [store.Store].
	Stats(ctx context.Context) (store.Stats, error)
	Value(ctx context.Context, name string) ([]byte, error)
	SetValue(ctx context.Context, name string, value []byte) error
}

// How a removal at the source takes effect here.
const (
	Hide   = "hide"   // the removal is in force at once, and the bytes stay for a week
	Follow = "follow" // like a removal by an operator here: the bytes leave within a day
	Ignore = "ignore" // the removal has no effect here
)

// Options configure a Follower. Name, Source and Target are required.
type Options struct {
	Name      string // of the source, as HOST:PORT
	Source    Source
	Target    Target
	KeepRanks bool   // keep the source's ranks, at most RankKeyed; else torrents count as fetched
	Removals  string // empty: Hide
	// Rate is how many bytes of torrents are read per second at most; 0 means no limit.
	Rate   int64
	Logger *slog.Logger // nil: slog.Default()
}

const (
	firstPause   = 500 * time.Millisecond // before the first retry after the source failed
	longestPause = 30 * time.Second
)

// Follower follows one source. Its methods are safe for concurrent use.
type Follower struct {
	Options
	pace *wait.Pace
	wake chan struct{} // has an element when a pause may be over

	mu       sync.Mutex
	state    state // guarded by mu, as all below
	ready    bool  // the state has been read
	again    again // in use while something is left out
	stats    Stats
	answered time.Time // when the source last answered
	equal    time.Time // when the follower last had nothing to do
}

// New returns a Follower that does nothing until Run is called.
func New(o Options) *Follower {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	o.Removals = cmp.Or(o.Removals, Hide)
	return &Follower{Options: o, pace: wait.NewPace(o.Rate), wake: make(chan struct{}, 1), equal: time.Now()}
}

// Run follows the source until ctx ends. It logs one line when the source, or the store here, keeps
// failing, and one when following goes on.
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
		if reason.Of(err).Reason == reason.RequestInvalid { // the source does not know the cursor
			f.restart()
		}
		wait.For(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

// follow reads the feed until the feed breaks, which is an error, or until removals stop the
// follower or it is time to ask for the torrents that were left out. It calls done after each
// answer.
func (f *Follower) follow(ctx context.Context, done func()) error {
	for news, err := range f.Source.Changes(ctx, f.cursor()) {
		if err != nil {
			return err
		}
		f.noteAnswer(news)
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

// answer processes all changes in an answer of the feed, and then moves the cursor.
func (f *Follower) answer(ctx context.Context, news *torrentcachev1.WatchChangesResponse) error {
	if news.GetRestarted() {
		f.Logger.Info("mirror: the source's feed began anew; all of it is searched for torrents that are lacking here", "source", f.Name)
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

// batches calls do for the torrents that changes name. It takes batchSize changes at a time, which
// bounds memory, and stops when do fails or removals stop the follower.
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

// awaitResume waits while removals keep the follower stopped. It returns false if ctx ended.
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
