package limit

import (
	"context"
	"net/netip"
	"time"
)

// readWait is how long a read waits for memory: clients soon take the answers in flight.
const readWait = 2 * time.Second

// Reservation is the memory of one call in the budget. It is safe for concurrent use. A nil
// Reservation grants every request and counts nothing.
type Reservation struct {
	limits *Limits
	use    Use
	block  netip.Prefix // of the caller's address
	exempt bool         // exempt from limits by address
	conn   *Conn        // connection of the answer; nil if unknown
	n      int64        // bytes; guarded by limits.memory.mu, as are shares
	shares []*Shared    // the Shared memory that it uses
	lasts  bool         // of a buffer of grpc, which may stay for ever; never a favorite
}

// Reservation returns an empty Reservation for c. Conn is the connection of the answer, nil if
// unknown.
func (l *Limits) Reservation(c Caller, use Use, conn *Conn) *Reservation {
	s := l.settings.Load()
	return &Reservation{limits: l, use: use, block: c.block(), exempt: s.exempt(c) || s.TrustedProxies.Contains(c.Addr), conn: conn}
}

// reservationKey is the context key of a call's Reservation.
type reservationKey struct{}

// WithReservation returns a context that carries r.
func WithReservation(ctx context.Context, r *Reservation) context.Context {
	return context.WithValue(ctx, reservationKey{}, r)
}

// ReservationOf returns the Reservation in ctx, nil if there is none.
func ReservationOf(ctx context.Context) *Reservation {
	r, _ := ctx.Value(reservationKey{}).(*Reservation)
	return r
}

// Take adds n bytes, none if n is negative. It waits for them: for uploads as long as the
// settings say, for everything else two seconds. The error is OVERLOADED if there was no room in
// time, or that of ctx.
func (r *Reservation) Take(ctx context.Context, n int64) error {
	if r == nil {
		return nil
	}
	return r.take(ctx, n, r.limits.wait(r.use))
}

// wait returns how long a claim waits for memory.
func (l *Limits) wait(use Use) time.Duration {
	if use == Uploading {
		return l.settings.Load().Wait
	}
	return readWait
}

// Try adds n bytes if there is room for them now, and reports whether there was.
func (r *Reservation) Try(n int64) bool {
	if r == nil {
		return true
	}
	m := &r.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.give(r, n)
}

// Alloc returns a function that allocates n bytes after [Reservation.Take] has reserved them.
func (r *Reservation) Alloc(ctx context.Context) func(n int) ([]byte, error) {
	return func(n int) ([]byte, error) {
		if err := r.Take(ctx, int64(n)); err != nil {
			return nil, err
		}
		if r == nil {
			return make([]byte, n), nil
		}
		return r.limits.allocate(n), nil
	}
}

// take is Take with a given waiting time.
func (r *Reservation) take(ctx context.Context, n int64, wait time.Duration) error {
	if n <= 0 || r.claim(ctx, n, wait) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.limits.NoMemory(r.use)
}

// NoMemory counts a lack of memory, and returns the error for it. It cancels uploads that have
// been arriving for long, to make room for others.
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
func (r *Reservation) Shrink(n int64) {
	if r == nil {
		return
	}
	m := &r.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if n < r.n {
		m.add(r, n-r.n)
		m.admit()
	}
}

// Release gives everything back, and ends the use of shared memory. It may be used again.
func (r *Reservation) Release() {
	if r == nil {
		return
	}
	m := &r.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release(r)
}

// size returns the bytes of r without shared memory.
func (r *Reservation) size() int64 {
	r.limits.memory.mu.Lock()
	defer r.limits.memory.mu.Unlock()
	return r.n
}

// Shared is memory that several calls use at the same time, such as a cached torrent that is
// being sent to many clients. It is counted once while any of them uses it, at the address of
// the first. It is safe for concurrent use.
type Shared struct {
	n     int64        // bytes
	users int          // guarded by memory.mu, as is first
	first *Reservation // holds the memory; nil without users
}

// NewShared returns a Shared of n bytes.
func NewShared(n int64) *Shared { return &Shared{n: n} }

// Share makes r a user of s until it is released, and reports whether there was room.
func (r *Reservation) Share(s *Shared) bool {
	if r == nil {
		return true
	}
	m := &r.limits.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.users == 0 {
		first := &Reservation{limits: r.limits, use: r.use, block: r.block, exempt: r.exempt}
		if !m.give(first, s.n) {
			return false
		}
		s.first = first
	}
	s.users++
	r.shares = append(r.shares, s)
	m.owes(r.conn, s.n)
	return true
}

// Use makes r a user of s. If there is no room, r takes as many bytes of its own, as with
// [Reservation.Take].
func (r *Reservation) Use(ctx context.Context, s *Shared) error {
	if r.Share(s) {
		return nil
	}
	return r.Take(ctx, s.n)
}

// unshare ends r's use of shared memory; m.mu is held.
func (m *memory) unshare(r *Reservation) {
	for _, s := range r.shares {
		m.owes(r.conn, -s.n)
		if s.users--; s.users == 0 {
			m.add(s.first, -s.n)
			s.first = nil
		}
	}
	clear(r.shares)
	r.shares = r.shares[:0]
}
