package limit

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// arrivals are the messages that grpc is reading. No handler sees them before they are complete,
// and a sender may keep each in memory for as long as it likes.
type arrivals struct {
	mu   sync.Mutex
	open map[*Arrival]struct{} // guarded by mu, as is made
	made time.Time             // when a message was last cancelled to make room
}

// Carrier is the transport of a message.
type Carrier int

// The carriers. A stream may be idle; a call may not.
const (
	OnCall Carrier = iota
	OnStream
)

// Arrival is a message that is arriving.
type Arrival struct {
	in     *arrivals
	from   netip.Prefix
	on     Carrier
	cancel func()
	since  time.Time // guarded by in.mu
}

// Arriving records that a message of c begins to arrive. It calls cancel, at most once, if the
// message takes too long; cancel must not block.
func (l *Limits) Arriving(c Caller, on Carrier, cancel func()) *Arrival {
	a := &Arrival{in: &l.arriving, from: c.block(), on: on, cancel: cancel, since: time.Now()}
	l.arriving.mu.Lock()
	defer l.arriving.mu.Unlock()
	if l.arriving.open == nil {
		l.arriving.open = map[*Arrival]struct{}{}
	}
	l.arriving.open[a] = struct{}{}
	return a
}

// Again records that another message begins to arrive on the same stream.
func (a *Arrival) Again() {
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	a.since = time.Now()
}

// Done records that no more messages will arrive.
func (a *Arrival) Done() {
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	delete(a.in.open, a)
}

// cut cancels the messages that have been arriving for longer than age, and returns their
// number.
func (a *arrivals) cut(age time.Duration, on ...Carrier) (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for arrival := range a.open {
		if slices.Contains(on, arrival.on) && time.Since(arrival.since) > age {
			delete(a.open, arrival)
			arrival.cancel()
			n++
		}
	}
	return n
}

// roomEach is the minimum interval between cancellations for lack of memory: the memory of a
// cancelled message is free only a moment later.
const roomEach = 100 * time.Millisecond

// makeRoom cancels an arriving message so that r has room, unless it did so a moment ago. So the
// other messages can complete. It reports whether there was a message to cancel.
//
// If r counts at no address, it cancels the latest call of the address with the most calls
// arriving, and spares streams, which may be idle. Otherwise it cancels the latest call of that
// address, or the latest stream if there is no call. It spares the only message of an address,
// which may be larger than the half of the address; an open stream counts as a message.
func (a *arrivals) makeRoom(now time.Time, r *Reservation) (cut int64, any bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, n := a.latest(r)
	if last == nil || !r.exempt && n < 2 {
		return 0, false
	}
	if now.Sub(a.made) < roomEach {
		return 0, true
	}
	a.made = now
	delete(a.open, last)
	last.cancel()
	return 1, true
}

// latest returns the message that is to make room for r, nil if there is none, and how many
// messages of its address could make room; a.mu is held.
func (a *arrivals) latest(r *Reservation) (last *Arrival, n int) {
	count := map[netip.Prefix]int{}
	for arrival := range a.open {
		if arrival.makesRoomFor(r) {
			count[arrival.from]++
		}
	}
	for arrival := range a.open {
		if arrival.makesRoomFor(r) && (last == nil || arrival.before(last, count)) {
			last, n = arrival, count[arrival.from]
		}
	}
	return last, n
}

// makesRoomFor reports whether a may be cut off for r.
func (a *Arrival) makesRoomFor(r *Reservation) bool {
	if r.exempt {
		return a.on == OnCall
	}
	return a.from == r.block
}

// before reports whether a is cut off before b, if count messages arrive from each address.
func (a *Arrival) before(b *Arrival, count map[netip.Prefix]int) bool {
	switch {
	case count[a.from] != count[b.from]:
		return count[a.from] > count[b.from]
	case a.on != b.on:
		return a.on == OnCall
	}
	return a.since.After(b.since)
}

// ArrivingUpload counts an upload whose message begins to arrive, until leave is called. The error
// is RATE_LIMITED or OVERLOADED; the latter also if uploads of c's address hold more than half of
// its memory. Uploads that have been arriving for long are then cancelled to make room.
func (l *Limits) ArrivingUpload(c Caller) (leave func(), err error) {
	if l.isFull(c) {
		return nil, l.NoMemory(Uploading)
	}
	leave, err = l.startUpload(c)
	if err != nil {
		l.refused[BodyTime].Add(l.arriving.cut(stall, OnCall))
	}
	return leave, err
}

// isFull reports whether uploads hold more than half of the memory that the address of c may have.
// If more uploads were let in, most would be cancelled later: in one run with 40 uploads of 9.9 MB,
// 16 at a time, 26 were cancelled, and 240 in one run with all of that memory as the bound.
func (l *Limits) isFull(c Caller) bool {
	r := l.Reservation(c, Uploading, nil)
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	return l.memory.isHalf(r, l.memory.bounds[Uploading]/4)
}
