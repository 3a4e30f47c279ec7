package commit

import (
	"math"
	"sync"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Moves tells a verification, which goes through the log from its beginning to its end,
// where compaction has put torrents meanwhile: each is to be checked, and none twice. A nil
// one is told nothing. Safe for concurrent use.
type Moves struct {
	mu      sync.Mutex
	reached format.Place          // all records up to here were visited
	checked map[format.Place]bool // places ahead, of torrents that were checked where they stood before
	last    format.Place          // the place furthest on of a torrent that was not
}

// NewMoves returns moves of which none was made yet.
func NewMoves() *Moves { return &Moves{checked: map[format.Place]bool{}} }

// isUpTo reports whether a stands in the log before b, or is it.
func isUpTo(a, b format.Place) bool {
	return a.Segment < b.Segment || a.Segment == b.Segment && a.Offset <= b.Offset
}

// moved notes that compaction put the torrent of one place into another, further on.
func (m *Moves) moved(from, to format.Place) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case isUpTo(from, m.reached) || m.checked[unsized(from)]:
		delete(m.checked, unsized(from))
		m.checked[unsized(to)] = true
	case isUpTo(m.last, to):
		m.last = to
	}
}

// Visit notes that the record at a place is looked at, and reports whether its torrent was
// checked before.
func (m *Moves) Visit(at format.Place) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = at
	return m.checked[unsized(at)]
}

// Passed notes that all of a segment was visited.
func (m *Moves) Passed(segment uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = format.Place{Segment: segment, Offset: math.MaxInt64}
}

// EndBefore reports whether nothing that is still to be checked stands at end or behind it.
func (m *Moves) EndBefore(end format.Place) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last.Segment < end.Segment || m.last.Segment == end.Segment && m.last.Offset < end.Offset
}

// unsized returns at without the length.
func unsized(at format.Place) format.Place {
	return format.Place{Segment: at.Segment, Offset: at.Offset}
}
