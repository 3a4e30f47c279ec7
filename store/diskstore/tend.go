package diskstore

import (
	"context"
	"log/slog"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// compactEvery is how often the background looks for work.
const compactEvery = time.Minute

// tending is what the work in the background remembers.
type tending struct {
	began   time.Time
	dropped uint32    // the day on which it last dropped what nobody reads
	looked  time.Time // when it last looked for what to evict
}

// tend works in the background until ctx ends: it drops what nobody reads, and compacts or,
// if the store is bounded, sees that it stays so.
func (s *Store) tend(ctx context.Context) {
	ticker := time.NewTicker(compactEvery)
	defer ticker.Stop()
	s.spare.Keep()
	t := &tending{began: time.Now()}
	for {
		work := s.makeSpace
		select {
		case <-ctx.Done():
			return
		case <-s.segments.NewlySealed():
			if s.options.Bounded == 0 {
				work = s.evictInTime
			}
		case <-ticker.C:
			s.spare.Keep()
			s.retainDaily(ctx, t)
		}
		if err := work(ctx, t); err != nil && ctx.Err() == nil {
			s.options.Logger.Warn("compaction stopped; it is tried again", slog.Any("error", err), slog.Duration("in", compactEvery))
		}
	}
}

// makeSpace wins back space in the background.
func (s *Store) makeSpace(ctx context.Context, t *tending) error {
	if s.options.Bounded > 0 {
		return s.shrink(ctx)
	}
	if err := s.evictInTime(ctx, t); err != nil || s.options.CompactionRate < 0 {
		return err
	}
	return s.compact(ctx, &compaction{store: s, pace: newPace(s.options.CompactionRate), yields: func() bool { return s.isTimeToEvict(t) }})
}

// firstRetain is how long after opening the store drops nothing by itself: by then the clock
// of a machine that was switched on is right.
const firstRetain = 10 * time.Minute

// retainDaily drops what nobody reads, once a day.
func (s *Store) retainDaily(ctx context.Context, t *tending) {
	today := commit.DayOf(s.options.Clock())
	if s.options.DropUnreadAfter == 0 && !s.options.Evict || today == t.dropped || time.Since(t.began) < firstRetain {
		return
	}
	if _, err := s.dropUnread(ctx); err == nil {
		t.dropped = today
	} else if ctx.Err() == nil {
		s.options.Logger.Warn("torrents that nobody reads could not be dropped; that is tried again", slog.Any("error", err))
	}
}

// markEvery is how often a mark is written, if there is anything to say.
const markEvery = time.Second

// keepMark writes marks until ctx ends.
func (s *Store) keepMark(ctx context.Context) {
	ticker := time.NewTicker(markEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.noteSynced()
		}
	}
}

// noteSynced writes a mark, unless the last one says the same. One that cannot be
// written leaves it to the records to tell.
func (s *Store) noteSynced() {
	m := s.committer.Stats().Mark()
	s.marking.Lock()
	defer s.marking.Unlock()
	if m == s.marked {
		return
	}
	if err := files.WriteMark(s.options.FS, s.options.Dir, m, s.marked == format.Mark{}); err != nil {
		s.options.Logger.Debug("it could not be noted how far the log is synced", slog.Any("error", err))
		return
	}
	s.marked = m
}

// pace bounds how fast bytes are spent. Not safe for concurrent use.
type pace struct {
	rate  int64 // bytes a second; none or fewer: no bound
	spent int64 // since begun
	begun time.Time
}

func newPace(rate int64) *pace { return &pace{rate: rate, begun: time.Now()} }

// spend waits until n more bytes may be spent, or returns ctx's error.
func (p *pace) spend(ctx context.Context, n int64) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	if now := time.Now(); now.Sub(p.begun) > time.Minute { // what was not used does not add up
		p.begun, p.spent = now, 0
	}
	p.spent += n
	due := p.begun.Add(time.Duration(float64(p.spent) / float64(p.rate) * float64(time.Second)))
	if !wait.For(ctx, time.Until(due)) {
		return ctx.Err()
	}
	return nil
}
