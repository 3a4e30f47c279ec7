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

// compactEvery is the interval of the background work. The first look comes firstLook after
// opening, so that even a process that is killed every minute compacts its segments.
const (
	compactEvery = time.Minute
	firstLook    = 10 * time.Second
)

// tending is the state of the background work.
type tending struct {
	began   time.Time
	dropped uint32    // the last day on which unread torrents were dropped
	looked  time.Time // when it last looked for torrents to evict
}

// tend does the background work until ctx ends: it drops unread torrents, and compacts, or keeps
// a bounded store within its bound.
func (s *Store) tend(ctx context.Context) {
	next := time.NewTimer(firstLook)
	defer next.Stop()
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
		case <-next.C:
			next.Reset(compactEvery)
			s.spare.Keep()
			s.retainDaily(ctx, t)
		}
		if err := work(ctx, t); err != nil && ctx.Err() == nil {
			s.options.Logger.Warn("compaction stopped; it will be tried again", slog.Any("error", err), slog.Duration("in", compactEvery))
		}
	}
}

// makeSpace reclaims space in the background.
func (s *Store) makeSpace(ctx context.Context, t *tending) error {
	if s.options.Bounded > 0 {
		return s.shrink(ctx)
	}
	if err := s.evictInTime(ctx, t); err != nil || s.options.CompactionRate < 0 {
		return err
	}
	return s.compact(ctx, &compaction{store: s, pace: wait.NewPace(s.options.CompactionRate), yields: func() bool { return s.isTimeToEvict(t) }})
}

// firstRetain is how long after opening the store drops nothing by itself. By then a machine
// that was just switched on has set its clock.
const firstRetain = 10 * time.Minute

// retainDaily drops unread torrents once a day.
func (s *Store) retainDaily(ctx context.Context, t *tending) {
	today := commit.DayOf(s.options.Clock())
	if s.options.DropUnreadAfter == 0 && !s.options.Evict || today == t.dropped || time.Since(t.began) < firstRetain {
		return
	}
	if _, err := s.dropUnread(ctx); err == nil {
		t.dropped = today
	} else if ctx.Err() == nil {
		s.options.Logger.Warn("unread torrents could not be dropped; it will be tried again", slog.Any("error", err))
	}
}

// markEvery is the interval between marks, if there is anything new to record.
const markEvery = time.Second

// keepMark writes marks until ctx ends.
func (s *Store) keepMark(ctx context.Context) {
	for wait.For(ctx, markEvery) {
		s.noteSynced()
	}
}

// noteSynced writes a mark unless it equals the last one. If it cannot be written, recovery
// relies on the records alone.
func (s *Store) noteSynced() {
	m := s.committer.Stats().Mark()
	s.marking.Lock()
	defer s.marking.Unlock()
	if m == s.marked {
		return
	}
	if err := files.WriteMark(s.options.FS, s.options.Dir, m, s.marked == format.Mark{}); err != nil {
		s.options.Logger.Debug("cannot write the mark of how far the log is synced", slog.Any("error", err))
		return
	}
	s.marked = m
}
