package limit

import (
	"net/netip"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// Use is what memory is held for.
type Use int

// The uses of memory. Each has a bound of its own within that of all together, so
// that none of them starves the others.
const (
	Answering  Use = iota // answers: being read, being made, or not yet taken by the client
	Uploading             // uploads: arriving, being inflated, parsed and stored
	Connecting            // connections and calls, whatever they do
	uses                  // how many there are
)

// memory is the budget of everything that grows with what callers do, in bytes.
//
//   - Holds of one use have at most its bound, and all together at most capacity: what
//     connections may take is kept for them, answers and uploads share the rest.
//   - Those of one address have at most half of the use's bound.
//   - A hold that is larger than a bound fits when there is no other under that bound.
//
// A capacity of 0 is no bound at all, the bound of a use that is 0 none of its own.
type memory struct {
	mu       sync.Mutex // guards what follows, and the fields of Holds and Conns that say so
	capacity int64
	bounds   [uses]int64
	held     [uses]int64
	parts    map[share]*part // none is empty
	waiting  []*claim        // in the order in which they came
	favorite *Hold           // may pass the bound of its use; nil if there is none
	lacking  time.Time       // when there was last no room, whoever had asked
	sending  map[*Conn]struct{}
}

// share is what one address holds for one use.
type share struct {
	block netip.Prefix
	use   Use
}

// part is what a share has.
type part struct {
	held    int64     // bytes
	lacking time.Time // when the address was last refused more than its half
}

// judge says whether h may have n bytes more, and if not what is full; m.mu is held.
func (m *memory) judge(h *Hold, n int64) verdict {
	others := m.held[Answering] + m.held[Uploading] - h.n
	used, bound := m.held[h.use], m.bounds[h.use]
	switch {
	case m.capacity == 0:
		return granted
	case h.use != Connecting && others > 0 && others+h.n+n > m.capacity-m.bounds[Connecting]:
		return allFull
	case bound == 0 || m.favorite == h:
		return granted
	case used > h.n && used+n > bound:
		return useFull
	case h.exempt:
		return granted
	}
	if p := m.parts[share{h.block, h.use}]; p != nil && p.held > h.n && p.held+n > bound/2 {
		return addressFull
	}
	return granted
}

// give gives n bytes to h if it may have them, and reports whether it may; m.mu is held.
func (m *memory) give(h *Hold, n int64) bool {
	v := m.judge(h, n)
	if v == granted {
		m.add(h, n)
	} else {
		m.lacked(h, v, time.Now())
	}
	return v == granted
}

// add gives n bytes to h, or takes them back if n is negative; m.mu is held.
func (m *memory) add(h *Hold, n int64) {
	if n == 0 {
		return
	}
	h.n += n
	m.held[h.use] += n
	if !h.exempt {
		m.addPart(share{h.block, h.use}, n)
	}
	if h.use == Answering {
		m.owes(h.conn, n)
	}
	if h.n == 0 && m.favorite == h {
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

// release gives back all that h has and shares; m.mu is held.
func (m *memory) release(h *Hold) {
	if h.n == 0 && len(h.shares) == 0 {
		return
	}
	m.unshare(h)
	m.add(h, -h.n)
	m.admit()
}

// resize puts other bounds in force.
func (m *memory) resize(capacity int64, bounds [uses]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity, m.bounds = capacity, bounds
	m.admit()
}

// inUse returns how much is held for each use.
func (m *memory) inUse() [uses]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// bound returns how much may be held for a use.
func (m *memory) bound(use Use) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bounds[use]
}

const (
	// large is from which size on memory is allocated with care, in bytes: a few of these
	// are as much as the collector lets come together between two of its runs.
	large = 256 << 10

	// nearShare is the part of the runtime's memory limit, in percent, up to which memory
	// may be allocated without a look at what of it is garbage.
	nearShare = 85
)

// allocate returns n bytes. What calls have given back is garbage until the collector runs,
// which it does too late if calls allocate much and end at once: then it is run here.
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

// near reports whether the process is near its memory limit with n bytes more.
func near(n int) bool {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	used := int64(samples[0].Value.Uint64()+samples[1].Value.Uint64()) + int64(n)
	return used > debug.SetMemoryLimit(-1)/100*nearShare
}
