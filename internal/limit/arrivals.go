package limit

import (
	"slices"
	"sync"
	"time"
)

// crowded is for how long an upload may have been arriving when others cannot
// begin for it; pressing, when memory is short.
const (
	crowded  = stall
	pressing = 200 * time.Millisecond
)

// arrivals are the messages that grpc is reading, which nobody else can see before
// they are whole: each may be held in memory for as long as its sender likes.
type arrivals struct {
	mu   sync.Mutex
	open map[*Arrival]struct{} // guarded by mu
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
	on     Carrier
	cancel func()
	since  time.Time // guarded by in.mu
}

// Arriving notes that a message begins to arrive now. Cancel is called, at most
// once, if it takes longer than it may; it must not block.
func (l *Limits) Arriving(on Carrier, cancel func()) *Arrival {
	a := &Arrival{in: &l.arriving, on: on, cancel: cancel, since: time.Now()}
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

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
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

// Press says whether the process is near its limit of memory. While it is, no
// upload begins, those that are slow to arrive are cut off, and nothing more of
// them is read. Call it from one goroutine.
func (l *Limits) Press(near bool) {
	l.pressed.Store(near)
	if near {
		l.refused[Memory].Add(l.arriving.cut(pressing, OnCall, OnStream))
	}
	if !near || l.arriving.count() == 0 {
		l.gate.release()
	}
}

// Tick cuts off the calls whose message has been arriving for longer than
// BodyTime. Call it now and then.
func (l *Limits) Tick() {
	if most := l.settings.Load().BodyTime; most > 0 {
		l.refused[BodyTime].Add(l.arriving.cut(most, OnCall, OnStream))
	}
}

// ArrivingUpload counts an upload whose message begins to arrive, until leave is
// called. It may be RATE_LIMITED or OVERLOADED; in that case the uploads that have
// been arriving for long make room for the next.
func (l *Limits) ArrivingUpload(c Caller) (leave func(), err error) {
	leave, err = l.startUpload(c)
	if err != nil {
		l.refused[BodyTime].Add(l.arriving.cut(crowded, OnCall))
	}
	return leave, err
}
