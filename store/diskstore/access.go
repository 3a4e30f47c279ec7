package diskstore

import (
	"context"
	"log/slog"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
)

// NoteRead notes that somebody who wants the torrent with these ids got it, now. It takes no
// time, and is for every read that shall count against [Options.DropUnreadAfter]: from it
// and from puts it follows when a torrent was last used.
func (s *Store) NoteRead(ids infohash.Set) { s.accesses.Note(ids, s.options.Clock()) }

// noteAccesses writes the accesses that wait into the index. While that cannot be written
// they wait. It needs no committer: nothing else sets these keys.
func (s *Store) noteAccesses() (noted bool) {
	s.noting.Lock()
	defer s.noting.Unlock()
	if x := s.index; x.Err() != nil || x.WriteError() != nil || x.FlushError() != nil {
		return false
	}
	days, floor := s.accesses.Begin()
	if len(days) == 0 && floor == 0 {
		s.accesses.End(floor, true)
		return false
	}
	err := s.index.SetAccesses(days, floor)
	s.accesses.End(floor, err == nil)
	if err != nil {
		s.options.Logger.Error("the days of access could not be noted; that is tried again", slog.Any("error", err))
	}
	return err == nil
}

// startAccesses reads from which day on everything counts as used.
func (s *Store) startAccesses() error {
	floor, err := s.index.Access(infohash.ID{})
	if err != nil {
		return err
	}
	s.accesses.Start(floor, commit.DayOf(s.options.Clock()))
	return nil
}

// flushAccessesEvery is how old an access gets before it is on disk: what is read in the time
// before a kill may not count.
const flushAccessesEvery = 10 * time.Minute

// keepAccesses has accesses written into the index every minute, and the index to disk every
// flushAccessesEvery, until ctx ends.
func (s *Store) keepAccesses(ctx context.Context) {
	ticker := time.NewTicker(compactEvery)
	defer ticker.Stop()
	dirty, flushed := false, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.accesses.Filled():
		case <-ticker.C:
		}
		dirty = s.noteAccesses() || dirty
		if !dirty || time.Since(flushed) < flushAccessesEvery {
			continue
		}
		dirty, flushed = false, time.Now()
		if _, err := s.index.Flush(); err != nil {
			s.options.Logger.Error("the index could not be flushed", slog.Any("error", err))
		}
	}
}

// LastAccess returns the day on which the torrent that has id was last read, by [Store.NoteRead],
// or put though it was there already, as its first second, UTC. It is the zero time if that
// is not known: it was never read, or not since the index was built anew. Errors:
// ErrNotFound, ErrUnavailable.
func (s *Store) LastAccess(ctx context.Context, id infohash.ID) (time.Time, error) {
	if err := s.enter(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.leave()
	e, err := s.index.Get(id)
	if err != nil {
		return time.Time{}, err
	}
	if e == nil || e.At.IsZero() {
		return time.Time{}, store.ErrNotFound
	}
	on := s.accesses.Noted(e.IDs.Primary())
	known, err := s.index.Access(e.IDs.Primary())
	if on = max(on, known); err != nil || on == 0 {
		return time.Time{}, err
	}
	return time.Unix(int64(on)*commit.Day, 0).UTC(), nil
}
