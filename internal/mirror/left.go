package mirror

import (
	"context"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// After what time what was left out is asked for again: twice as long each time that something is
// left out still.
const (
	firstAgain   = time.Minute
	longestAgain = time.Hour
)

// again is when what was left out is asked for again.
type again struct {
	at    time.Time
	pause time.Duration // before the next time
}

// leave notes that torrents of the answer behind a cursor of the feed are left out. That is durable
// when the cursor is, which moves behind the answer.
func (f *Follower) leave(cursor string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state.Left == nil {
		f.state.Left = &cursor
		f.again = again{at: time.Now().Add(firstAgain), pause: 2 * firstAgain}
	}
}

// owes reports whether it is time to ask for what was left out.
func (f *Follower) owes() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Left != nil && !time.Now().Before(f.again.at)
}

// askAgain reads the feed once more from where something was left out first, to its end, and asks
// for what is lacking of it. Removals in it were made when they were read first, and what an
// operator did since is not undone.
func (f *Follower) askAgain(ctx context.Context) error {
	f.mu.Lock()
	cursor := *f.state.Left
	pause := max(f.again.pause, firstAgain) // it is 0 after a start
	f.again = again{at: time.Now().Add(pause), pause: min(2*pause, longestAgain)}
	f.mu.Unlock()
	var left *string
	for news, err := range f.Source.Changes(ctx, cursor) {
		if err != nil {
			return err
		}
		if len(news.GetChanges()) == 0 {
			return f.change(ctx, func(s *state) { s.Left = left })
		}
		n, err := f.answerAgain(ctx, news)
		if err != nil {
			return err
		}
		if from := cursor; n > 0 && left == nil {
			left = &from
		}
		cursor = news.GetCursor()
	}
	return reason.New(reason.Overloaded, "the source ended its feed")
}

// answerAgain asks for what is lacking of an answer of the feed that was done before, and returns
// how many torrents are left out still.
func (f *Follower) answerAgain(ctx context.Context, news *torrentcachev1.WatchChangesResponse) (left int, err error) {
	err = f.batches(news.GetChanges(), func(items []*item) error {
		for _, it := range items {
			it.late = true
		}
		n, err := f.batch(ctx, items)
		left += n
		return err
	})
	return left, err
}
