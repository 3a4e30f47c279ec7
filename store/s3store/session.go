package s3store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// A change is acknowledged once it is in the feed. If a node dies after it wrote a torrent and
// before the feed had it, the next upload of the same torrent finds that torrent, and must not
// be acknowledged before the feed has it either. To tell whether the feed has it, each object
// and each feed entry name the write that made them, and the latest entries stay in memory.
//
// For older entries, each write belongs to a session: some minutes of one node. When all writes
// of a session are in the feed or known to have failed, the node puts an object session/<id>. A
// torrent whose write is neither among the latest entries nor in such a session is announced in
// the feed, perhaps for the second time.

// sessionTime is how long a session takes new writes.
const sessionTime = 10 * time.Minute

// settledBody is the content of the object of a session.
const settledBody = "settled\n"

func sessionKey(id object.SessionID) string { return "session/" + hex.EncodeToString(id[:]) }

// session is a session of this node.
type session struct {
	id      object.SessionID
	began   time.Time
	writes  uint64 // how many began
	unknown bool   // the outcome of at least one write is unknown
	open    map[uint64]*write
}

// write is a write in progress. Exactly one of its methods settle and abandon is called.
type write struct {
	id      object.WriteID
	in      *session
	all     *sessions
	settled chan struct{} // closed when the write ends, with any outcome
}

// sessions are the sessions of this node, and the settled ones of other nodes. It is safe for
// concurrent use.
type sessions struct {
	mu      sync.Mutex
	current *session
	ending  []*session                // they take no new writes, but are not settled
	closed  map[object.SessionID]bool // known to be settled
}

func newSessions() *sessions {
	return &sessions{current: newSession(), closed: map[object.SessionID]bool{}}
}

func newSession() *session {
	s := &session{began: time.Now(), open: map[uint64]*write{}}
	rand.Read(s.id[:])
	return s
}

// begin begins a write.
func (a *sessions) begin() *write {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.current.began) > sessionTime && a.current.writes > 0 {
		a.ending = append(a.ending, a.current)
		a.current = newSession()
	}
	s := a.current
	s.writes++
	w := &write{id: object.WriteID{Session: s.id, Counter: s.writes}, in: s, all: a, settled: make(chan struct{})}
	s.open[s.writes] = w
	return w
}

// settle ends a write that is in the feed, or that certainly was not done.
func (w *write) settle() { w.end(false) }

// abandon ends a write whose outcome is unknown.
func (w *write) abandon() { w.end(true) }

func (w *write) end(unknown bool) {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	w.in.unknown = w.in.unknown || unknown
	delete(w.in.open, w.id.Counter)
	close(w.settled)
}

// progress returns a channel that is closed when the write has ended; nil if the write is not
// one of this node that is in progress.
func (a *sessions) progress(id object.WriteID) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range append(a.ending, a.current) {
		if w := s.open[id.Counter]; s.id == id.Session && w != nil {
			return w.settled
		}
	}
	return nil
}

// finished returns the settled sessions of this node and forgets them, along with sessions whose
// outcome is unknown. It ends the current session after sessionTime, or at once with all.
func (a *sessions) finished(all bool) []object.SessionID {
	a.mu.Lock()
	defer a.mu.Unlock()
	if all || time.Since(a.current.began) > sessionTime {
		a.ending = append(a.ending, a.current)
		a.current = newSession()
	}
	var done []object.SessionID
	var ending []*session
	for _, s := range a.ending {
		switch {
		case len(s.open) > 0:
			ending = append(ending, s)
		case s.writes > 0 && !s.unknown:
			done = append(done, s.id)
		}
	}
	a.ending = ending
	return done
}

// settleSessions marks the settled sessions of this node in the bucket.
func (s *Store) settleSessions(ctx context.Context, all bool) {
	for _, id := range s.sessions.finished(all) {
		if err := s.bucket.Put(ctx, sessionKey(id), []byte(settledBody), ""); err != nil {
			s.logger.Warn("uploads of torrents already cached will be announced again", "cause", err)
			continue
		}
		s.sessions.mark(id)
	}
}

func (a *sessions) mark(id object.SessionID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed[id] = true
}

// isSettled reports whether all writes of a session are in the feed.
func (s *Store) isSettled(ctx context.Context, id object.SessionID) (bool, error) {
	s.sessions.mu.Lock()
	known := s.sessions.closed[id]
	s.sessions.mu.Unlock()
	if known {
		return true, nil
	}
	body, _, err := s.bucket.Get(ctx, sessionKey(id), 0, nil)
	if errors.Is(err, bucket.ErrAbsent) {
		return false, nil
	}
	settled := err == nil && string(body) == settledBody
	if settled {
		s.sessions.mark(id)
	}
	return settled, err
}

const (
	// underWay is the age up to which another node may still be about to announce its write in
	// the feed.
	underWay = time.Minute
	// underWayWait is how long to wait for that announcement.
	underWayWait = time.Second
)

// ensureAnnounced returns once the feed has the torrent of h.
func (s *Store) ensureAnnounced(ctx context.Context, h *object.Header) error {
	if there, _ := s.feed.has(h.Write); there {
		return nil
	}
	if progress := s.sessions.progress(h.Write); progress != nil {
		select {
		case <-progress:
		case <-ctx.Done():
			return fmt.Errorf("%w: another upload of it is not in the feed yet", store.ErrUnavailable)
		}
	}
	if settled, err := s.isSettled(ctx, h.Write.Session); err != nil || settled {
		return err
	}
	if s.now().Sub(h.Stored) < underWay {
		s.awaitEntry(ctx, h.Write)
	}
	if there, _ := s.feed.has(h.Write); there {
		return nil
	}
	// It is unknown whether that write added the torrent or replaced one. Followers that list
	// new torrents need the first kind of entry, those that keep copies the second.
	var last *notice
	for _, kind := range []store.ChangeKind{store.ChangeAdded, store.ChangeReplaced} {
		e := object.Entry{Change: store.Change{Kind: kind, IDs: h.IDs, Time: h.Stored}, Write: h.Write}
		last = s.announcer.add(e, object.Totals{}, func() {})
	}
	return last.wait(ctx)
}

// awaitEntry waits up to underWayWait until the feed has a write.
func (s *Store) awaitEntry(ctx context.Context, id object.WriteID) {
	timer := time.NewTimer(underWayWait)
	defer timer.Stop()
	for {
		there, grown := s.feed.has(id)
		if there {
			return
		}
		select {
		case <-grown:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
