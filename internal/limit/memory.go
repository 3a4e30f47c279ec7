package limit

import (
	"net/netip"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// Use is a purpose of memory.
type Use int

// The uses of memory. Each has a bound within the total, so that none of them starves the
// others.
const (
	Answering  Use = iota // answers: being read, being made, or not yet taken by the client
	Uploading             // uploads: arriving, being inflated, parsed and stored
	Connecting            // connections and calls, whatever they do
	uses                  // how many there are
)

// memory is the budget of all memory that grows with the work of callers, in bytes.
//
//   - The reservations of one use have at most its bound, and all together at most
//     capacity: a part is kept for connections, answers and uploads share the rest.
//   - The reservations of one address have at most half of the use's bound.
//   - A reservation larger than a bound fits when no other reservation is under that bound.
//
// A capacity of 0 means no bound at all; a use with bound 0 has none of its own.
type memory struct {
	mu       sync.Mutex // guards the fields below, and those of Reservations and Conns that say so
	capacity int64
	bounds   [uses]int64
	held     [uses]int64
	parts    map[share]*part // none is empty
	waiting  []*claim        // in the order in which they came
	favorite *Reservation    // may exceed the bound of its use; nil if there is none
	lacking  time.Time       // when there was last no room, whichever caller asked
	sending  map[*Conn]struct{}
}

// share identifies the memory of one address for one use.
type share struct {
	block netip.Prefix
	use   Use
}

// part is the memory of a share.
type part struct {
	held    int64     // bytes
	lacking time.Time // when the address was last refused more than its half
}

// judge says whether r may have n bytes more, or which bound is reached; m.mu is held.
func (m *memory) judge(r *Reservation, n int64) verdict {
	others := m.held[Answering] + m.held[Uploading] - r.n
	used, bound := m.held[r.use], m.bounds[r.use]
	switch {
	case m.capacity == 0:
		return granted
	case r.use != Connecting && others > 0 && others+r.n+n > m.capacity-m.bounds[Connecting]:
		return allFull
	case bound == 0 || m.favorite == r:
		return granted
	case used > r.n && used+n > bound:
		return useFull
	case m.isHalf(r, n):
		return addressFull
	}
	return granted
}

// isHalf reports whether the address of r would have more than its half with n bytes more for r;
// m.mu is held.
func (m *memory) isHalf(r *Reservation, n int64) bool {
	bound, p := m.bounds[r.use], m.parts[share{r.block, r.use}]
	return m.capacity > 0 && bound > 0 && !r.exempt && p != nil && p.held > r.n && p.held+n > bound/2
}

// give gives n bytes to r if permitted, and reports whether it did; m.mu is held.
func (m *memory) give(r *Reservation, n int64) bool {
	v := m.judge(r, n)
	if v == granted {
		m.add(r, n)
	} else {
		m.lacked(r, v, time.Now())
	}
	return v == granted
}

// add gives n bytes to r, or takes them back if n is negative; m.mu is held.
func (m *memory) add(r *Reservation, n int64) {
	if n == 0 {
		return
	}
	r.n += n
	m.held[r.use] += n
	if !r.exempt {
		m.addPart(share{r.block, r.use}, n)
	}
	if r.use == Answering {
		m.owes(r.conn, n)
	}
	if r.n == 0 && m.favorite == r {
		m.favorite = nil
	}
}

// addPart counts n bytes at an address; m.mu is held.
func (m *memory) addPart(of share, n int64) {
	p := m.parts[of]
	if p == nil {
		p = &part{}
		m.parts[of] = p
	}
	if p.held += n; p.held == 0 {
		delete(m.parts, of)
	}
}

// release gives back the own and shared memory of r; m.mu is held.
func (m *memory) release(r *Reservation) {
	if r.n == 0 && len(r.shares) == 0 {
		return
	}
	m.unshare(r)
	m.add(r, -r.n)
	m.admit()
}

// resize changes the bounds.
func (m *memory) resize(capacity int64, bounds [uses]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity, m.bounds = capacity, bounds
	m.admit()
}

// inUse returns the bytes held for each use.
func (m *memory) inUse() [uses]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// bound returns the maximum for a use.
func (m *memory) bound(use Use) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bounds[use]
}

const (
	// large is the size from which memory is allocated with care, in bytes: a few pieces of
	// this size are as much as the collector lets gather between two of its runs.
	large = 256 << 10

	// nearShare is the part of the runtime's memory limit, in percent, up to which memory
	// is allocated without collecting garbage first.
	nearShare = 85
)

// allocate returns n bytes. Memory given back by calls is garbage until a collection. If calls
// allocate much and end at once, the collector starts too late, so allocate then starts it.
func (l *Limits) allocate(n int) []byte {
	if n < large {
		return make([]byte, n)
	}
	l.allocating.Lock()
	defer l.allocating.Unlock()
	if near(n) {
		runtime.GC()
	}
	return make([]byte, n)
}

// near reports whether n more bytes bring the process near its memory limit.
func near(n int) bool {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	used := int64(samples[0].Value.Uint64()+samples[1].Value.Uint64()) + int64(n)
	return used > debug.SetMemoryLimit(-1)/100*nearShare
}
