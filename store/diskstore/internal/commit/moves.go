package commit

import (
	"math"
	"sync"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Moves tracks the moves of compaction for a verification that walks the log from beginning to
// end, so that it checks each torrent once. All methods of a nil Moves do nothing. It is safe
// for concurrent use.
type Moves struct {
	mu      sync.Mutex
	reached format.Place          // all records up to here were visited
	checked map[format.Place]bool // later places of torrents that were checked at an earlier one
	last    format.Place          // the last place of a moved torrent that was not checked
}

// NewMoves returns Moves without any move.
func NewMoves() *Moves { return &Moves{checked: map[format.Place]bool{}} }

// isUpTo reports whether a is at or before b in the log.
func isUpTo(a, b format.Place) bool {
	return a.Segment < b.Segment || a.Segment == b.Segment && a.Offset <= b.Offset
}

// moved records that compaction moved a torrent to a later place.
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

// Visit records that the record at a place is visited, and reports whether its torrent was
// checked before.
func (m *Moves) Visit(at format.Place) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = at
	return m.checked[unsized(at)]
}

// Passed records that a segment was visited to its end.
func (m *Moves) Passed(segment uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reached = format.Place{Segment: segment, Offset: math.MaxInt64}
}

// EndBefore reports whether no torrent at or after end remains to be checked.
func (m *Moves) EndBefore(end format.Place) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last.Segment < end.Segment || m.last.Segment == end.Segment && m.last.Offset < end.Offset
}

// unsized returns at without the length.
func unsized(at format.Place) format.Place {
	return format.Place{Segment: at.Segment, Offset: at.Offset}
}
