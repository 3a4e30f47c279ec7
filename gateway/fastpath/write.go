package fastpath

import (
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
	n, err := c.write(b, a, !h.headOnly)
	c.l.counts.add(a.found, n)
	return err
}

// write sends header and then the body of a, unless it is left out. It returns how
// many bytes went out.
func (c *conn) write(header []byte, a *Answer, bodyToo bool) (int64, error) {
	if c.socket != nil {
		return c.send(header, a, bodyToo)
	}
	return c.writeChunks(header, a, bodyToo)
}

// chunk is how much is written at once where the fast path makes no system calls of
// its own, in bytes: four records of TLS.
const chunk = 64 << 10

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// writeChunks is send by the methods of the connection. Header and body leave
// together, copied to memory that is used again.
func (c *conn) writeChunks(header []byte, a *Answer, bodyToo bool) (sent int64, err error) {
	buf := chunks.Get().(*[chunk]byte)
	defer chunks.Put(buf)
	size := 0
	if bodyToo {
		size = a.size()
	}
	n := copy(buf[:], header)
	timed := int64(0) // how much was sent when the deadline was last set
	for from := 0; ; n = 0 {
		part := min(size-from, chunk-n)
		a.read(buf[n:n+part], from)
		from += part
		if err := c.writeChunk(buf[:n+part]); err != nil {
			return sent, err
		}
		if sent += int64(n + part); from == size {
			return sent, nil
		}
		if sent-timed >= slice {
			c.extendWrite()
			timed = sent
		}
	}
}

// writeChunk writes b, over TLS by one system call.
func (c *conn) writeChunk(b []byte) error {
	if c.below != nil {
		c.below.hold()
	}
	_, err := c.Conn.Write(b)
	if c.below != nil {
		if failed := c.below.release(); err == nil {
			err = failed
		}
	}
	return err
}

// size returns the length of the body in bytes.
func (a *Answer) size() int {
	if r := a.region.Load(); r != nil {
		return r.size
	}
	return len(a.body)
}

// read fills p with the body from an offset on.
func (a *Answer) read(p []byte, from int) {
	if r := a.region.Load(); r != nil {
		r.readAt(p, from)
		return
	}
	copy(p, a.body[from:])
}
