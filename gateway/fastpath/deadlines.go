package fastpath

import "time"

const (
	// slice is the number of bytes of a body that may take one write timeout.
	slice = 256 << 10

	// sliceTime bounds the write timeout of a slice: a client must take 9 kB a second.
	sliceTime = 30 * time.Second
)

// extend moves the deadlines, so that each request and each answer has at least its time. It moves
// them in steps, because moving them costs as much as all other bookkeeping together.
func (c *conn) extend(now time.Time) {
	if now.Before(c.extendAt) {
		return
	}
	step := c.l.limits.step()
	c.extendAt = now.Add(step)
	_ = c.Conn.SetReadDeadline(deadline(now, step, c.l.limits.idle)) // an error shows at the next read
	_ = c.Conn.SetWriteDeadline(deadline(now, step, c.l.limits.write))
}

// extendWrite sets the write deadline for the next slice.
func (c *conn) extendWrite() {
	if c.l.limits.write > 0 {
		now := time.Now()
		_ = c.Conn.SetWriteDeadline(deadline(now, 0, c.l.limits.write)) // an error shows at the write
		c.extendAt = now                                                // the next answer gets its own deadline
	}
}

// step returns how often the deadlines move: after an eighth of the shortest.
func (t limits) step() time.Duration {
	step := time.Hour
	for _, limit := range []time.Duration{t.idle, t.write} {
		if limit > 0 {
			step = min(step, limit/8)
		}
	}
	return step
}

func deadline(now time.Time, step, limit time.Duration) time.Time {
	if limit <= 0 {
		return time.Time{}
	}
	return now.Add(step + limit)
}

// SetReadDeadline implements [net.Conn] for the server. The server counts the time for a request's
// body from when it began to read the head. On a new connection that was before the fast path's
// answers, so SetReadDeadline adds the time that they took.
func (c *conn) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		t = t.Add(c.held)
	}
	c.held = 0
	err := c.Conn.SetReadDeadline(t)
	if !t.IsZero() && !t.After(time.Now()) {
		c.signal()
	}
	return err
}

// signal ends the watch that goes on, if one does.
func (c *conn) signal() {
	select {
	case c.interrupt <- struct{}{}:
	default:
	}
}
