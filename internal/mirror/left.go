package mirror

import (
	"context"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// How long the follower waits before it asks again for the torrents that were left out. The time
// doubles with each attempt, up to longestAgain.
const (
	firstAgain   = time.Minute
	longestAgain = time.Hour
)

// again says when the follower asks again for the torrents that were left out.
type again struct {
	at    time.Time
	pause time.Duration // from the next attempt to the one after it
}

// leave notes that the answer after cursor left out torrents. The note becomes durable when the
// cursor of the follower moves past that answer.
func (f *Follower) leave(cursor string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state.Left == nil {
		f.state.Left = &cursor
		f.again = again{at: time.Now().Add(firstAgain), pause: 2 * firstAgain}
	}
}

// owes reports whether it is time to ask again for the torrents that were left out.
func (f *Follower) owes() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Left != nil && !time.Now().Before(f.again.at)
}

// askAgain reads the feed again, from the first answer that left torrents out to the end, and asks
// for the torrents that are still lacking. It makes no removals: they were made at the first
// reading, and making them again could undo later work of an operator.
func (f *Follower) askAgain(ctx context.Context) error {
	f.mu.Lock()
	cursor := *f.state.Left
	pause := max(f.again.pause, firstAgain) // again.pause is 0 after a start
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

// answerAgain asks again for the torrents of an answer that are still lacking. The answer was
// processed before. answerAgain returns how many torrents are still left out.
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
