package fastpath

import (
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// copyLimit is the largest answer that is laid out in one buffer, in bytes;
	// above it, gathering two pieces in the kernel is cheaper than the copy.
	copyLimit = 16 << 10

	// slice is how much of an answer is given to the kernel at a time, in bytes.
	slice = 256 << 10

	// firstLinesMax is more than the first lines take, in bytes.
	firstLinesMax = 128
)

// buffers hold answers while they are written; each has room for copyLimit.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, copyLimit+firstLinesMax)
	return &b
}}

// answer writes the answer to h.
func (c *conn) answer(h head, a *Answer) error {
	now := time.Now()
	c.extend(now)
	first := c.l.clock.at(now, shape{found: a.status == http.StatusOK, http10: h.http10, close: h.close})
	content := a.content(h.headOnly)
	if err := c.write(first, content); err != nil {
		return err
	}
	n := &c.l.counts
	if a.status == http.StatusOK {
		n.found.Add(1)
	} else {
		n.absent.Add(1)
	}
	n.bytes.Add(int64(len(first) + len(content)))
	return nil
}

// extend moves the deadlines on so far that each request and each answer has at
// least its time. They move in steps, because moving them costs more than the
// rest of the bookkeeping.
func (c *conn) extend(now time.Time) {
	if now.Before(c.extendAt) {
		return
	}
	const steps = 8
	t := c.l.limits
	if t.idle <= 0 && t.write <= 0 {
		if c.extendAt.IsZero() {
			_ = c.Conn.SetReadDeadline(time.Time{}) // the header timeout of the first request
			c.extendAt = now
		}
		return
	}
	step := max(t.idle, t.write) / steps
	if t.idle > 0 && t.idle/steps < step {
		step = t.idle / steps
	}
	c.extendAt = now.Add(step)
	var read, write time.Time
	if t.idle > 0 {
		read = c.extendAt.Add(t.idle)
	}
	if t.write > 0 {
		write = c.extendAt.Add(t.write)
	}
	_ = c.Conn.SetReadDeadline(read) // an error shows at the next read
	_ = c.Conn.SetWriteDeadline(write)
}

// write sends the two pieces of a response.
func (c *conn) write(first, content []byte) error {
	if len(content) <= copyLimit {
		buf := buffers.Get().(*[]byte)
		*buf = append(append((*buf)[:0], first...), content...)
		_, err := c.Conn.Write(*buf)
		buffers.Put(buf)
		return err
	}
	n := min(len(content), slice)
	pieces := net.Buffers{first, content[:n]}
	_, err := pieces.WriteTo(c.Conn)
	for content = content[n:]; err == nil && len(content) > 0; content = content[n:] {
		if c.l.limits.write > 0 {
			_ = c.Conn.SetWriteDeadline(time.Now().Add(c.l.limits.write))
			c.extendAt = time.Now() // the next answer gets a deadline of its own
		}
		n = min(len(content), slice)
		_, err = c.Conn.Write(content[:n])
	}
	return err
}
