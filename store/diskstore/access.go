package diskstore

import (
	"context"
	"encoding/binary"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

const (
	day = 24 * 60 * 60 // seconds

	// accessSlots is how many accesses are known to be noted already, by a
	// fingerprint in a slot that the id chooses: 512 KiB. Two ids in one slot
	// only make each other be noted again.
	accessSlots = 1 << 16
	// fullAccesses is how many accesses may wait before they are written without waiting for
	// the next minute.
	fullAccesses = 1 << 14
	// maxAccesses bounds what waits: about 32 MB. It is reached only while the index cannot be
	// written. From then on everything counts as read, since nobody can tell what was.
	maxAccesses = 1 << 18
)

// accesses gathers, off the read path, which torrents were used on a day. Safe
// for concurrent use.
type accesses struct {
	slots [accessSlots]atomic.Uint64
	full  chan struct{} // has a token when many wait

	mu      sync.Mutex
	waiting map[infohash.ID]uint32 // the day, since 1970, by primary id
	writing map[infohash.ID]uint32 // those that are on their way into the index; not changed any more
	floor   uint32                 // everything was used on this day, or later
	raised  bool                   // the index has an older floor
}

func newAccesses() *accesses { return &accesses{full: make(chan struct{}, 1)} }

// dayOf returns the day of a time, since 1970.
func dayOf(at time.Time) uint32 { return uint32(max(at.Unix(), 0) / day) }

// note notes that the torrent of set was used at a time.
func (a *accesses) note(set infohash.Set, at time.Time) {
	id, today := set.Primary(), dayOf(at)
	var b [infohash.SizeV2]byte
	id.AppendTo(b[:0])
	print := binary.LittleEndian.Uint64(b[:])
	slot := &a.slots[print%accessSlots]
	print += uint64(today) << 32 // another day, another fingerprint
	if slot.Load() == print {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[infohash.ID]uint32{}
	}
	if len(a.waiting) >= maxAccesses {
		a.raise(today)
		return
	}
	a.waiting[id] = max(a.waiting[id], today)
	slot.Store(print)
	if len(a.waiting) >= fullAccesses {
		wake(a.full)
	}
}

// wake sees that there is a token in a channel that has room for one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// raise has everything count as used on a day. It holds mu.
func (a *accesses) raise(today uint32) {
	if today > a.floor {
		a.floor, a.raised = today, true
	}
}

// last returns the last day, as far as it is known here, on which the torrent with a primary
// id was used: what the index knows may be later.
func (a *accesses) last(primary infohash.ID) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.floor, a.waiting[primary], a.writing[primary])
}

// begin returns what is to be written into the index: the accesses that wait, and the floor
// unless that is zero. It must be followed by end.
func (a *accesses) begin() (days map[infohash.ID]uint32, floor uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing, a.waiting = a.waiting, nil
	if a.raised {
		floor = a.floor
	}
	return a.writing, floor
}

// end ends what begin began: the index has all of it now, or nothing.
func (a *accesses) end(floor uint32, written bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if written {
		a.raised = a.raised && a.floor != floor
	} else if a.waiting == nil {
		a.waiting = maps.Clone(a.writing)
	} else {
		for id, day := range a.writing {
			a.waiting[id] = max(a.waiting[id], day)
		}
	}
	a.writing = nil
}

// NoteRead notes that somebody who wants the torrent with these ids got it, now. It takes no
// time, and is for every read that shall count against [Options.DropUnreadAfter]: from it
// and from puts it follows when a torrent was last used.
func (s *Store) NoteRead(ids infohash.Set) { s.accesses.note(ids, s.options.Clock()) }

// noteAccesses writes the accesses that wait into the index. While that cannot be written
// they wait. It needs no committer: nothing else sets these keys.
func (s *Store) noteAccesses() (noted bool) {
	s.noting.Lock()
	defer s.noting.Unlock()
	if x := s.index; x.Err() != nil || x.WriteError() != nil || x.FlushError() != nil {
		return false
	}
	days, floor := s.accesses.begin()
	if len(days) == 0 && floor == 0 {
		s.accesses.end(floor, true)
		return false
	}
	err := s.index.SetAccesses(days, floor)
	s.accesses.end(floor, err == nil)
	if err != nil {
		s.options.Logger.Error("the days of access could not be noted; that is tried again", slog.Any("error", err))
	}
	return err == nil
}

// startAccesses reads the floor. An index without one was built anew, or is of a program that
// did not keep all accesses: everything counts as read today.
func (s *Store) startAccesses() error {
	floor, err := s.index.Access(infohash.ID{})
	if err != nil {
		return err
	}
	s.accesses.mu.Lock()
	defer s.accesses.mu.Unlock()
	if s.accesses.floor = floor; floor == 0 {
		s.accesses.raise(dayOf(s.options.Clock()))
	}
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
		case <-s.accesses.full:
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
	on := s.accesses.noted(e.IDs.Primary())
	known, err := s.index.Access(e.IDs.Primary())
	if on = max(on, known); err != nil || on == 0 {
		return time.Time{}, err
	}
	return time.Unix(int64(on)*day, 0).UTC(), nil
}

// noted is last without the floor.
func (a *accesses) noted(primary infohash.ID) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.waiting[primary], a.writing[primary])
}
