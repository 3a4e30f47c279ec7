package hotcache

import (
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// settling knows which torrents changed less than span ago. One backend of several
// may still answer what was before such a change, of which the feed says nothing a
// second time: those answers are not kept. It is safe for concurrent use.
type settling struct {
	mu             sync.Mutex    // guards what follows span
	span           time.Duration // 0: backends know of changes before the feed tells them
	recent, before map[infohash.ID]bool
	turned         time.Time // when recent became before
	all            time.Time // when any torrent may have changed
}

// note notes that ids changed now.
func (s *settling) note(ids []infohash.ID) {
	if s.span == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	for _, id := range ids {
		s.recent[id] = true
	}
}

// noteAll notes that any torrent may have changed now.
func (s *settling) noteAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = time.Now()
}

// has reports whether id changed less than span ago; those that changed less than
// twice that ago may still be among them.
func (s *settling) has(id infohash.ID) bool {
	if s.span == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	return s.recent[id] || s.before[id] || time.Since(s.all) < s.span
}

// turn forgets what has settled; s.mu is held.
func (s *settling) turn() {
	age := time.Since(s.turned)
	if age < s.span {
		return
	}
	s.before = nil
	if age < 2*s.span {
		s.before = s.recent
	}
	s.recent, s.turned = map[infohash.ID]bool{}, time.Now()
}
