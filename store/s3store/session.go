package s3store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// A change is acknowledged when it is in the feed. What if the node dies between
// the object and the feed, and somebody uploads the same torrent again? That
// upload finds the torrent and must not be acknowledged before it is in the feed
// either. How does the node know whether it is? Each object names the write that
// made it, each entry of the feed too, and the latest entries are in memory. For
// older ones each write belongs to a session: some minutes of one node. When all
// writes of a session are in the feed or known to have failed, the node puts an
// object session/<id>. A torrent whose write is neither among the latest entries
// nor of such a session is put into the feed, perhaps once more.

// sessionTime is how long a session takes new writes.
const sessionTime = 10 * time.Minute

// settledBody is what stands in the object of a session.
const settledBody = "settled\n"

func sessionKey(id object.SessionID) string { return "session/" + hex.EncodeToString(id[:]) }

// session is one of this node.
type session struct {
	id      object.SessionID
	began   time.Time
	writes  uint64 // begun
	unknown bool   // whether each of them is in the feed cannot be said
	open    map[uint64]*write
}

// write is one in progress. Exactly one of its methods settled and lost is called.
type write struct {
	id      object.WriteID
	in      *session
	all     *sessions
	settled chan struct{} // closed at its end, however it ended
}

// sessions are those of this node, and what is known of the others'. It is safe
// for concurrent use.
type sessions struct {
	mu      sync.Mutex
	current *session
	ending  []*session                // take no new writes, but are not settled
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

// settle ends a write that is in the feed, or that surely was not done.
func (w *write) settle() { w.end(false) }

// lose ends a write of which nobody knows whether it was done.
func (w *write) lose() { w.end(true) }

func (w *write) end(unknown bool) {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	w.in.unknown = w.in.unknown || unknown
	delete(w.in.open, w.id.Counter)
	close(w.settled)
}

// progress returns a channel that is closed when the write has ended; nil if it
// is none of this node that goes on.
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

// finished returns the sessions of this node that are settled; with all also the
// one that still took writes. Those of unknown end are forgotten.
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

// settleSessions tells the other nodes which sessions of this one are settled.
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
