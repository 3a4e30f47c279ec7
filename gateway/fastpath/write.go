package fastpath

import (
	"net"
	"sync"
	"time"
)

// headerRoom is more than the header of an answer usually takes, in bytes.
const headerRoom = 1 << 10

// buffers hold headers while they are written.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, headerRoom)
	return &b
}}

// answer writes the answer to h: byte for byte what net/http would send.
func (c *conn) answer(h head, a *Answer) error {
	now := time.Now()
	c.extend(now)
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	b := append((*buf)[:0], statusLine(h, a)...)
	b = append(b, a.header...)
	b = append(b, c.l.clock.at(now).of(h)...)
	*buf = b
	n, err := c.write(h, a, b)
	c.l.counts.add(a.found, n)
	return err
}

// write sends the header and then the body of the answer a to h. It returns how many
// bytes went out.
func (c *conn) write(h head, a *Answer, header []byte) (int64, error) {
	switch {
	case c.socket != nil:
		return c.send(header, a, !h.headOnly)
	case h.headOnly:
		n, err := c.Conn.Write(header)
		return int64(n), err
	}
	return c.writePieces(header, a.Body())
}

// writePieces sends header and body slice by slice.
func (c *conn) writePieces(header, body []byte) (int64, error) {
	n := min(len(body), slice)
	pieces := net.Buffers{header, body[:n]}
	sent, err := pieces.WriteTo(c.Conn)
	for body = body[n:]; err == nil && len(body) > 0; body = body[n:] {
		c.extendWrite()
		n, err = c.Conn.Write(body[:min(len(body), slice)])
		sent += int64(n)
	}
	return sent, err
}
