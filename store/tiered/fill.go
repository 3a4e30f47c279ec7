package tiered

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
)

// maxWriting bounds the bytes of torrents that wait to be written to the disk; what comes
// above it is not kept.
const maxWriting = 64 << 20

// fill is what a load found, which several reads may wait for, and then the writing of it.
type fill struct {
	torrent store.Torrent
	begun   time.Duration // uptime at which the remote was asked
	known   bool          // the feed tells of what changed since then
	written chan struct{} // nil: it is not to be written; closed when that has ended
	changed bool          // since it began; guarded by fills.mu
}

// fills are the loads under way and, after them, the copies being written. Nothing that a
// load among them is about has changed since it began. A copy stays till its end.
type fills struct {
	loads   flight.Group[infohash.ID, *fill]
	mu      sync.Mutex            // taken last
	of      map[infohash.ID]*fill // being written, by each id
	writing int64                 // bytes
	closed  bool
	running sync.WaitGroup // the writing
}

// fetch returns what the remote says, and keeps a copy.
func (s *Store) fetch(ctx context.Context, r *reader) (store.Torrent, error) {
	own := false
	f, err := s.fills.loads.Do(ctx, r.id, func() (*fill, error) {
		own = true
		return s.load(ctx, r.id)
	}, s.keep)
	if !own && errors.Is(err, store.ErrNotFound) {
		return s.remote.Get(ctx, r.id, r.room) // it may have been put after that load asked, and before this call
	}
	if err != nil {
		return store.Torrent{}, err
	}
	return r.own(f.torrent)
}

// load returns the torrent of a copy being written, or asks the remote and checks what it
// says. No caller's room is asked: the bytes are those of all who wait, and of the copy
// that is written when they may have gone.
func (s *Store) load(ctx context.Context, id infohash.ID) (*fill, error) {
	if f := s.fills.find(id); f != nil {
		return f, nil
	}
	f := &fill{begun: flight.Uptime(), known: s.feed.known.Load()}
	var err error
	f.torrent, err = s.remote.Get(ctx, id, nil)
	if err == nil && (store.VersionOf(f.torrent.Bytes) != f.torrent.Version || !f.torrent.IDs.Contains(id)) {
		err = fmt.Errorf("%w: the store sent other bytes of %s than it named", store.ErrDamaged, id)
	}
	return f, err
}

// keep has a copy made of what was loaded, unless there can be none.
func (s *Store) keep(f *fill, err error) {
	if err != nil || !s.fills.begin(f) {
		return
	}
	go func() {
		defer s.fills.end(f)
		s.local.put(f.torrent)
	}()
}

// find returns the copy of id that is being written, if it may be given to reads.
func (l *fills) find(id infohash.ID) *fill {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.of[id]; f != nil && !f.changed && flight.Uptime()-f.begun < Fresh {
		return f
	}
	return nil
}

// begin reports whether a copy of f is to be made, which end ends. There is none beside
// one that is being written: a change waits for all copies of its torrent.
func (l *fills) begin(f *fill) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := int64(len(f.torrent.Bytes))
	if !f.known || f.written != nil || l.closed || l.writing+size > maxWriting {
		return false
	}
	ids := f.torrent.IDs.All()
	for _, id := range ids {
		if l.of[id] != nil {
			return false
		}
	}
	for _, id := range ids {
		l.of[id] = f
	}
	f.written = make(chan struct{})
	l.writing += size
	l.running.Add(1)
	return true
}

func (l *fills) end(f *fill) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing -= int64(len(f.torrent.Bytes))
	for _, id := range f.torrent.IDs.All() {
		delete(l.of, id)
	}
	close(f.written)
	l.running.Done()
}

// cancel ends all loads, for each may be of a torrent that has one of these ids and from
// before a change of it. Copies of these that are being written are there when it returns;
// those of all torrents if ids is nil.
func (l *fills) cancel(ids []infohash.ID) { l.forget(ids, l.loads.ForgetAll) }

// cancelOf is cancel of the torrent that has these ids and no others.
func (l *fills) cancelOf(ids []infohash.ID) {
	l.forget(ids, func(drop func()) { l.loads.Forget(ids, drop) })
}

// forget ends loads by end, and waits for the copies with these ids that were being written
// when it did.
func (l *fills) forget(ids []infohash.ID, end func(drop func())) {
	var writing []*fill
	end(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if ids == nil {
			ids = slices.Collect(maps.Keys(l.of))
		}
		for _, id := range ids {
			if f := l.of[id]; f != nil {
				f.changed = true
				writing = append(writing, f)
			}
		}
	})
	for _, f := range writing {
		<-f.written
	}
}

// close waits for all copies; there are none after it.
func (l *fills) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.running.Wait()
}
