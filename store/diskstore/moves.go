package diskstore

import (
	"math"
	"sync"
)

// moves tells a verification, which goes through the log from its beginning to its end,
// where compaction has put torrents meanwhile: each is to be checked, and none twice. A nil
// one is told nothing. Safe for concurrent use.
type moves struct {
	mu      sync.Mutex
	reached location          // all records up to here were visited
	checked map[location]bool // places ahead, of torrents that were checked where they stood before
	last    location          // the place furthest on of a torrent that was not
}

// before reports whether l stands in the log before other, or is it.
func (l location) before(other location) bool {
	return l.segment < other.segment || l.segment == other.segment && l.offset <= other.offset
}

// moved notes that compaction put the torrent of one place into another, further on.
func (m *moves) moved(from, to location) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case from.before(m.reached) || m.checked[from.place()]:
		delete(m.checked, from.place())
		m.checked[to.place()] = true
	case m.last.before(to):
		m.last = to
	}
}

// visit notes that the record at a place is looked at, and reports whether its torrent was
// checked before.
func (m *moves) visit(at location) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = at
	return m.checked[at.place()]
}

// passed notes that all of a segment was visited.
func (m *moves) passed(segment uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = location{segment: segment, offset: math.MaxInt64}
}

// endBefore reports whether nothing that is still to be checked stands at end or behind it.
func (m *moves) endBefore(end location) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last.segment < end.segment || m.last.segment == end.segment && m.last.offset < end.offset
}

// place returns l without the length.
func (l location) place() location { return location{segment: l.segment, offset: l.offset} }
