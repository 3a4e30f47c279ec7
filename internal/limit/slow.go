package limit

import "time"

const (
	// While others wait for memory, a client must take its answers faster than slowRate, in
	// bytes a second over slowTime.
	slowRate = 16 << 10
	slowTime = 30 * time.Second

	// wantedFor is how long others count as waiting after one of them had to wait or was
	// refused.
	wantedFor = 5 * time.Second
)

// owes records that c has n more bytes to send, or fewer if n is negative; m.mu is held.
func (m *memory) owes(c *Conn, n int64) {
	if c == nil {
		return
	}
	switch c.owed += n; {
	case c.owed == 0:
		c.marked, c.slow = time.Time{}, false
		delete(m.sending, c)
	case c.marked.IsZero():
		c.marked, c.mark = time.Now(), c.sent.Load()
		m.sending[c] = struct{}{}
	}
}

// lacked records that r did not get its memory, so that the clients that keep it are examined:
// those of the same address, or all; m.mu is held. If uploads reach their own bound, no client
// is at fault.
func (m *memory) lacked(r *Reservation, v verdict, now time.Time) {
	switch {
	case v == allFull, v == useFull && r.use != Uploading:
		m.lacking = now
	case v == addressFull && r.use != Uploading:
		if p := m.parts[share{r.block, Answering}]; p != nil {
			p.lacking = now
		}
	}
}

// wanted reports whether others wait for memory that c keeps; m.mu is held.
func (m *memory) wanted(c *Conn, now time.Time) bool {
	if now.Sub(m.lacking) < wantedFor {
		return true
	}
	p := m.parts[share{c.caller.block(), Answering}]
	return p != nil && now.Sub(p.lacking) < wantedFor
}

// slowConns returns each connection to be cut, once.
func (m *memory) slowConns(now time.Time) (cut []*Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.waiting {
		m.lacked(c.reserved, m.judge(c.reserved, c.n), now)
		c.reserved.collect()
	}
	for c := range m.sending {
		if c.measure(now) && m.wanted(c, now) {
			cut = append(cut, c)
			delete(m.sending, c)
		}
	}
	return cut
}

// measure reports whether c took too little for slowTime, and still does.
func (c *Conn) measure(now time.Time) bool {
	passed, sent := now.Sub(c.marked), c.sent.Load()
	slow := float64(sent-c.mark) <= slowRate*passed.Seconds()
	if passed < slowTime {
		return slow && c.slow
	}
	c.slow, c.marked, c.mark = slow, now, sent
	return slow
}

// Tick collects garbage that still counts as memory, and cuts off slow clients: uploads that
// have been arriving for longer than BodyTime and, while others wait for memory, clients that do
// not take the answers they requested. Call it about once a second.
func (l *Limits) Tick(now time.Time) {
	if most := l.settings.Load().BodyTime; most > 0 {
		l.refused[BodyTime].Add(l.arriving.cut(most, OnCall, OnStream))
	}
	for _, c := range l.memory.slowConns(now) {
		l.refused[SlowReader].Add(1)
		c.cut()
	}
	for use, held := range l.memory.inUse() {
		if held > l.memory.bound(Use(use))/4 {
			l.nobodys(Use(use)).collect() // much of it may be garbage
		}
	}
}
