package upstream

import (
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
)

// maxRemembered bounds the remembered results: two generations of this many ids, which take 8 MB
// together.
const maxRemembered = 1 << 15

// maxFlights bounds the searches that are under way or wait for their turn.
const maxFlights = 1024

// search is one search for one torrent.
type search struct {
	done  chan struct{} // closed when state is set
	state State
}

// table knows which torrents are being looked for, and which are not available. It is safe for
// concurrent use.
type table struct {
	mu             sync.Mutex
	searches       map[infohash.ID]*search // guarded by mu, as all below
	recent, before map[infohash.ID]memory  // before is the previous recent, which was full
}

// memory is the remembered result of a search. It is valid until the uptime until.
type memory struct {
	state State
	until time.Duration
}

func newTable() *table {
	return &table{searches: map[infohash.ID]*search{}, recent: map[infohash.ID]memory{}}
}

// look returns the State of id, and the search for it that is under way; nil if there is none.
func (t *table) look(id infohash.ID) (State, *search) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known(id)
}

// known does the work of look; t.mu is held.
func (t *table) known(id infohash.ID) (State, *search) {
	if s := t.searches[id]; s != nil {
		return Asking, s
	}
	m, ok := t.recent[id]
	if !ok {
		m = t.before[id]
	}
	if m.until <= flight.Uptime() {
		return Unasked, nil
	}
	return m.state, nil
}

// begin returns a new search for id, which the caller must run. If a search is under way, or its
// result is known, begin returns that, and isNew is false.
func (t *table) begin(id infohash.ID) (s *search, state State, isNew bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	state, s = t.known(id)
	switch {
	case state != Unasked:
		return s, state, false
	case len(t.searches) >= maxFlights:
		return nil, Busy, false
	}
	s = &search{done: make(chan struct{}), state: Busy}
	t.searches[id] = s
	return s, Asking, true
}

// end ends s with its result, state, and remembers the result for age. It remembers nothing if id
// was forgotten since s began.
func (t *table) end(id infohash.ID, s *search, state State, age time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.searches[id] == s {
		delete(t.searches, id)
		if age > 0 {
			t.remember(id, memory{state, flight.Uptime() + age})
		}
	}
	s.state = state
	close(s.done)
}

// remember notes m; t.mu is held.
func (t *table) remember(id infohash.ID, m memory) {
	if len(t.recent) >= maxRemembered {
		t.before, t.recent = t.recent, map[infohash.ID]memory{}
	}
	t.recent[id] = m
}

// forget forgets the searches and results of a torrent; without ids, of all torrents.
func (t *table) forget(ids infohash.Set) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if (ids == infohash.Set{}) {
		clear(t.searches)
		clear(t.recent)
		clear(t.before)
		return
	}
	for _, id := range ids.All() {
		delete(t.searches, id)
		delete(t.recent, id)
		delete(t.before, id)
	}
}
