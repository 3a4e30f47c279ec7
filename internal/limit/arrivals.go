package limit

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// arrivals are the messages that grpc is reading, which nobody else can see before
// they are whole: each may be held in memory for as long as its sender likes.
type arrivals struct {
	mu   sync.Mutex
	open map[*Arrival]struct{} // guarded by mu, as is made
	made time.Time             // when room was last made for others
}

// Carrier is what a message arrives on.
type Carrier int

// The carriers. A stream may be idle; a call has nothing else to do.
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

// Arriving notes that a message of c's begins to arrive now. Cancel is called, at most
// once, if it takes longer than it may; it must not block.
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

// Again notes that another message begins to arrive on the same stream.
func (a *Arrival) Again() {
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	a.since = time.Now()
}

// Done notes that no more will come.
func (a *Arrival) Done() {
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	delete(a.in.open, a)
}

// cut cancels what has been arriving for longer than age, and returns how much
// that was.
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

// roomEach is how often at most a message that is arriving is cut off for want of memory: what
// it had is free only a moment later.
const roomEach = 100 * time.Millisecond

// makeRoom cancels the latest message to arrive of the address from which most do, unless one
// was a moment ago. So the others come to their end. It reports whether there was any; streams,
// which may be idle, are spared.
func (a *arrivals) makeRoom(now time.Time) (cut int64, any bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := map[netip.Prefix]int{}
	for arrival := range a.open {
		if arrival.on == OnCall {
			calls[arrival.from]++
		}
	}
	if len(calls) == 0 || now.Sub(a.made) < roomEach {
		return 0, len(calls) > 0
	}
	var last *Arrival
	for arrival := range a.open {
		if arrival.on == OnCall && (last == nil || calls[arrival.from] > calls[last.from] ||
			calls[arrival.from] == calls[last.from] && arrival.since.After(last.since)) {
			last = arrival
		}
	}
	a.made = now
	delete(a.open, last)
	last.cancel()
	return 1, true
}

// ArrivingUpload counts an upload whose message begins to arrive, until leave is
// called. It may be RATE_LIMITED or OVERLOADED; in that case the uploads that have
// been arriving for long make room for the next.
func (l *Limits) ArrivingUpload(c Caller) (leave func(), err error) {
	leave, err = l.startUpload(c)
	if err != nil {
		l.refused[BodyTime].Add(l.arriving.cut(stall, OnCall))
	}
	return leave, err
}
