package limit

import "context"

// Shared is memory that several calls use at a time, such as a torrent of a cache which
// is being sent to many clients. It is counted once, for as long as one of them uses it,
// at the address of the first. It is safe for concurrent use.
type Shared struct {
	n     int64 // bytes
	users int   // guarded by memory.mu, as is first
	first *Hold // has the memory; nil without users
}

// NewShared returns a Shared of n bytes.
func NewShared(n int64) *Shared { return &Shared{n: n} }

// Share makes h a user of s until it is released, and reports whether there was room.
func (h *Hold) Share(s *Shared) bool {
	if h == nil {
		return true
	}
	m := &h.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.users == 0 {
		first := &Hold{limits: h.limits, use: h.use, block: h.block, exempt: h.exempt}
		if !m.give(first, s.n) {
			return false
		}
		s.first = first
	}
	s.users++
	h.shares = append(h.shares, s)
	m.owes(h.conn, s.n)
	return true
}

// Use makes h a user of s. If there is no room it takes as much for itself, as [Hold.Take]
// does.
func (h *Hold) Use(ctx context.Context, s *Shared) error {
	if h.Share(s) {
		return nil
	}
	return h.Take(ctx, s.n)
}

// unshare ends what h shares; m.mu is held.
func (m *memory) unshare(h *Hold) {
	for _, s := range h.shares {
		m.owes(h.conn, -s.n)
		if s.users--; s.users == 0 {
			m.add(s.first, -s.n)
			s.first = nil
		}
	}
	clear(h.shares)
	h.shares = h.shares[:0]
}
