package limit

import "time"

const (
	// A client must take more than slowRate, in bytes a second over slowTime, of what it
	// asked for while others wait for memory.
	slowRate = 16 << 10
	slowTime = 30 * time.Second

	// wantedFor is how long others count as waiting after one of them had to wait or was
	// refused.
	wantedFor = 5 * time.Second
)

// owes notes that c has n bytes more to send, or less; m.mu is held.
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

// lacked notes that h did not get what it asked for, so that the clients that keep it are
// looked at: those of its own address, or all; m.mu is held. What uploads lack because of
// their own bound no client keeps.
func (m *memory) lacked(h *Hold, v verdict, now time.Time) {
	switch {
	case v == allFull, v == useFull && h.use != Uploading:
		m.lacking = now
	case v == addressFull && h.use != Uploading:
		if p := m.parts[share{h.block, Answering}]; p != nil {
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

// slowConns returns the connections that are to be cut, each once.
func (m *memory) slowConns(now time.Time) (cut []*Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.waiting {
		m.lacked(c.hold, m.judge(c.hold, c.n), now)
		c.hold.collect()
	}
	for c := range m.sending {
		if c.measure(now) && m.wanted(c, now) {
			cut = append(cut, c)
			delete(m.sending, c)
		}
	}
	return cut
}

// measure reports whether c took too little for slowTime and takes too little since.
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
// have been arriving for longer than BodyTime and, while others wait for memory, clients that
// do not take what they asked for. Call it about once a second.
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
