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

// maxWriting bounds the bytes of torrents that wait to be written to the disk; torrents beyond
// it are not cached.
const maxWriting = 64 << 20

// fill is the result of a load, which several reads may share, and then the write of its copy.
type fill struct {
	torrent store.Torrent
	begun   time.Duration // uptime at which the remote was asked
	known   bool          // the feed will announce later changes
	written chan struct{} // closed when the write has ended; nil if it is not written
	changed bool          // changed since it began; guarded by fills.mu
}

// fills are the loads in progress and the copies being written. A change cancels a load in
// progress. A copy stays in fills until its write ends.
type fills struct {
	loads   flight.Group[infohash.ID, *fill]
	mu      sync.Mutex            // taken last
	of      map[infohash.ID]*fill // being written, by each id
	writing int64                 // bytes
	closed  bool
	running sync.WaitGroup // the writing
}

// fetch returns the remote's answer, and keeps a copy.
func (s *Store) fetch(ctx context.Context, r *reader) (store.Torrent, error) {
	own := false
	f, err := s.fills.loads.Do(ctx, r.id, func() (*fill, error) {
		own = true
		return s.load(ctx, r.id)
	}, s.keep)
	if !own && errors.Is(err, store.ErrNotFound) {
		return s.remote.Get(ctx, r.id, r.alloc) // it may have been put after that load began and before this call
	}
	if err != nil {
		return store.Torrent{}, err
	}
	return r.own(f.torrent)
}

// load returns the torrent of a copy being written, or asks the remote and checks its answer. It
// does not use a caller's Alloc: all waiting callers share the bytes, and the write of the copy
// may outlive them.
func (s *Store) load(ctx context.Context, id infohash.ID) (*fill, error) {
	if f := s.fills.find(id); f != nil {
		return f, nil
	}
	f := &fill{begun: flight.Uptime(), known: s.feed.known.Load()}
	var err error
	f.torrent, err = s.remote.Get(ctx, id, nil)
	if err == nil && (store.VersionOf(f.torrent.Bytes) != f.torrent.Version || !f.torrent.IDs.Contains(id)) {
		err = fmt.Errorf("%w: the store sent bytes of %s that do not match the version or the ids it named", store.ErrDamaged, id)
	}
	return f, err
}

// keep makes a copy of a loaded torrent, if it can.
func (s *Store) keep(f *fill, err error) {
	if err != nil || !s.fills.begin(f) {
		return
	}
	go func() {
		defer s.fills.end(f)
		s.local.put(f.torrent)
	}()
}

// find returns the copy of id that is being written, if reads may get it.
func (l *fills) find(id infohash.ID) *fill {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.of[id]; f != nil && !f.changed && flight.Uptime()-f.begun < Fresh {
		return f
	}
	return nil
}

// begin reports whether to make a copy of f; if so, the caller must call end. A torrent has at
// most one write at a time, because a change waits for all of them.
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

// cancel cancels all loads, because each may be of a torrent with one of these ids, from before
// a change. When it returns, the copies of these ids that were being written are complete; with
// nil ids, all copies are.
func (l *fills) cancel(ids []infohash.ID) { l.forget(ids, l.loads.ForgetAll) }

// cancelOf is cancel for the torrent whose ids are exactly these.
func (l *fills) cancelOf(ids []infohash.ID) {
	l.forget(ids, func(drop func()) { l.loads.Forget(ids, drop) })
}

// forget cancels loads by end, and waits for the copies with these ids that were being written
// at that time.
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

// close waits for all writes; no write begins after it.
func (l *fills) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.running.Wait()
}
