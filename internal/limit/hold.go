package limit

import (
	"context"
	"net/netip"
	"time"
)

// readWait is how long a read waits for memory: answers in flight are soon taken.
const readWait = 2 * time.Second

// Hold is the memory that one call has of the budget. It is safe for concurrent use.
// A nil Hold gets what it asks for, and nothing is counted.
type Hold struct {
	limits *Limits
	use    Use
	block  netip.Prefix // of the caller's address
	exempt bool         // from what is by address
	conn   *Conn        // by which the answer leaves; nil if nobody knows
	n      int64        // bytes; guarded by limits.memory.mu, as are shares
	shares []*Shared    // that it uses
	lasts  bool         // of a buffer of grpc's: it may stay for ever, and is no favorite
}

// Hold returns a Hold of c's that has nothing yet. Conn is the connection by which c hears
// the answer, nil if that is not known.
func (l *Limits) Hold(c Caller, use Use, conn *Conn) *Hold {
	s := l.settings.Load()
	return &Hold{limits: l, use: use, block: c.block(), exempt: s.exempt(c) || s.TrustedProxies.Contains(c.Addr), conn: conn}
}

// holdKey is the context key of a call's Hold.
type holdKey struct{}

// WithHold returns a context that carries h.
func WithHold(ctx context.Context, h *Hold) context.Context {
	return context.WithValue(ctx, holdKey{}, h)
}

// HoldOf returns the Hold that ctx carries, nil if there is none.
func HoldOf(ctx context.Context) *Hold {
	h, _ := ctx.Value(holdKey{}).(*Hold)
	return h
}

// Take adds n bytes, none if n is negative. It waits a little for them: as long as the limits
// say for uploads, two seconds for all else. The error is OVERLOADED if there was no room in
// time, or that of ctx.
func (h *Hold) Take(ctx context.Context, n int64) error {
	if h == nil {
		return nil
	}
	return h.take(ctx, n, h.limits.wait(h.use))
}

// wait returns how long memory is waited for.
func (l *Limits) wait(use Use) time.Duration {
	if use == Uploading {
		return l.settings.Load().Wait
	}
	return readWait
}

// Try adds n bytes if there is room for them at once, and reports whether there was.
func (h *Hold) Try(n int64) bool {
	if h == nil {
		return true
	}
	m := &h.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.give(h, n)
}

// Room returns a function that allocates n bytes once [Hold.Take] has them.
func (h *Hold) Room(ctx context.Context) func(n int) ([]byte, error) {
	return func(n int) ([]byte, error) {
		if err := h.Take(ctx, int64(n)); err != nil {
			return nil, err
		}
		if h == nil {
			return make([]byte, n), nil
		}
		return h.limits.allocate(n), nil
	}
}

// take is Take with a time to wait.
func (h *Hold) take(ctx context.Context, n int64, wait time.Duration) error {
	if n <= 0 || h.claim(ctx, n, wait) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return h.limits.NoMemory(h.use)
}

// NoMemory counts that there was no memory, and returns the error that says so. Uploads
// that have been arriving for long make room for others.
func (l *Limits) NoMemory(use Use) error {
	switch use {
	case Uploading:
		l.refused[BodyTime].Add(l.arriving.cut(stall, OnCall, OnStream))
		return l.refuse(Memory, busy("too many bytes of uploads are in flight; try again later"))
	case Connecting:
		return l.refuse(Memory, busy("too many calls are under way; try again later"))
	default:
		return l.refuse(Memory, busy("too many bytes of answers are in flight; try again later"))
	}
}

// Shrink gives back all but n bytes.
func (h *Hold) Shrink(n int64) {
	if h == nil {
		return
	}
	m := &h.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if n < h.n {
		m.add(h, n-h.n)
		m.admit()
	}
}

// Release gives everything back, and ends what h shares. H may be used again.
func (h *Hold) Release() {
	if h == nil {
		return
	}
	m := &h.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release(h)
}

// size returns how many bytes h has, without those that it shares.
func (h *Hold) size() int64 {
	h.limits.memory.mu.Lock()
	defer h.limits.memory.mu.Unlock()
	return h.n
}

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
