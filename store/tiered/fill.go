package tiered

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// loadTime bounds a load, for whose caller may have gone.
	loadTime = 30 * time.Second

	// maxWriting bounds the bytes of torrents that wait to be written to the disk;
	// what comes above it is not kept.
	maxWriting = 64 << 20
)

// fill is one load that several reads may wait for, and then the writing of the copy.
type fill struct {
	begun   time.Duration // uptime
	loaded  chan struct{} // closed when torrent and err are set
	written chan struct{} // closed when it has ended
	torrent store.Torrent
	err     error

	// These are guarded by fills.mu.
	ids       infohash.Set // of torrent; zero until it is loaded
	canceled  bool         // no copy is made: something may have changed since it began
	isWriting bool
}

// fills are the loads under way. While one stands in of, nothing that it is about has
// changed since it began; or it is being written, and stands there until that has ended.
type fills struct {
	mu      sync.Mutex
	of      map[infohash.ID]*fill
	writing int64 // bytes
	closed  bool
	running sync.WaitGroup
}

// fetch returns what the remote says, and keeps a copy.
func (s *Store) fetch(ctx context.Context, r *reader) (store.Torrent, error) {
	f, begun := s.fills.begin(r.id, s.feed.known.Load())
	if f == nil {
		return s.remote.Get(ctx, r.id, r.room)
	}
	if begun {
		go s.run(context.WithoutCancel(ctx), r.id, f)
	}
	select {
	case <-f.loaded:
	case <-ctx.Done():
		return store.Torrent{}, ctx.Err()
	}
	if !begun && errors.Is(f.err, store.ErrNotFound) {
		return s.remote.Get(ctx, r.id, r.room) // it may have been put after that load asked, and before this call
	}
	if f.err != nil {
		return store.Torrent{}, f.err
	}
	return r.own(f.torrent)
}

// begin returns the load of id to wait for, and whether the caller must run it; nil
// if there are to be none any more. A new one is kept if keep says so. What began
// too long ago is not waited for, and the later load is kept in its place: who is
// not in of hears of no change. One that is being written stays there till its end.
func (l *fills) begin(id infohash.ID, keep bool) (f *fill, begun bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, false
	}
	now := uptime()
	before := l.of[id]
	if before != nil && now-before.begun < Fresh && !(before.isWriting && before.canceled) {
		return before, false
	}
	f = &fill{begun: now, canceled: !keep, loaded: make(chan struct{}), written: make(chan struct{})}
	if before != nil && before.isWriting {
		f.canceled = true
	} else {
		if before != nil {
			before.canceled = true
		}
		l.of[id] = f
	}
	l.running.Add(1)
	return f, true
}

// run does f.
func (s *Store) run(ctx context.Context, id infohash.ID, f *fill) {
	defer s.fills.running.Done()
	defer close(f.written)
	defer s.fills.end(id, f)
	s.load(ctx, id, f)
	if s.fills.mayWrite(f) {
		s.local.put(f.torrent)
	}
}

// load asks the remote and checks what it says. No caller's room is asked: the bytes are
// those of all who wait, and of the copy that is written when they may have gone.
func (s *Store) load(ctx context.Context, id infohash.ID, f *fill) {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	defer close(f.loaded)
	f.torrent, f.err = s.remote.Get(ctx, id, nil)
	if f.err == nil && (store.VersionOf(f.torrent.Bytes) != f.torrent.Version || !f.torrent.IDs.Contains(id)) {
		f.torrent, f.err = store.Torrent{}, fmt.Errorf("%w: the store sent other bytes of %s than it named", store.ErrDamaged, id)
	}
}

// mayWrite reports whether a copy is to be made, which has begun then.
func (l *fills) mayWrite(f *fill) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := int64(len(f.torrent.Bytes))
	if f.err != nil || f.canceled || l.writing+size > maxWriting {
		return false
	}
	f.ids, f.isWriting = f.torrent.IDs, true
	l.writing += size
	return true
}

func (l *fills) end(id infohash.ID, f *fill) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.isWriting {
		l.writing -= int64(len(f.torrent.Bytes))
	}
	if l.of[id] == f {
		delete(l.of, id)
	}
}

// cancel ends all fills that may be from before a change of these torrents. Copies
// that are being written are there when it returns.
func (l *fills) cancel(sets []infohash.Set) {
	l.cancelIf(func(id infohash.ID, f *fill) bool {
		if f.ids == (infohash.Set{}) {
			return true // of which torrent is not known yet
		}
		for _, set := range sets {
			for _, changed := range set.All() {
				if changed == id || f.ids.Contains(changed) {
					return true
				}
			}
		}
		return false
	})
}

func (l *fills) cancelAll() { l.cancelIf(func(infohash.ID, *fill) bool { return true }) }

func (l *fills) cancelIf(affected func(infohash.ID, *fill) bool) {
	var writing []*fill
	l.mu.Lock()
	for id, f := range l.of {
		if !affected(id, f) {
			continue
		}
		f.canceled = true
		if f.isWriting {
			writing = append(writing, f) // it stays, for who cancels after this one must wait, too
			continue
		}
		delete(l.of, id)
	}
	l.mu.Unlock()
	for _, f := range writing {
		<-f.written
	}
}

// close waits for all fills; there are none after it.
func (l *fills) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.running.Wait()
}
