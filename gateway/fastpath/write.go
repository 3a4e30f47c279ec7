package fastpath

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/limit"
)

// record is the largest record of TLS (RFC 8446, section 5.1), in bytes.
const record = 16 << 10

// headers hold the header of an answer while it is written and, over TLS, what of the body
// goes with it into one record.
var headers = sync.Pool{New: func() any {
	b := make([]byte, 0, record)
	return &b
}}

// errNoMemory ends an answer that the client does not take while there is no memory to
// keep it in.
var errNoMemory = errors.New("no memory for an answer that the client does not take")

// answer writes the answer to h, which came at begin: byte for byte what net/http would send.
func (c *conn) answer(h head, a *Answer, begin time.Time) error {
	now := time.Now()
	c.extend(now)
	buf := headers.Get().(*[]byte)
	defer headers.Put(buf)
	b := append((*buf)[:0], statusLine(h, a)...)
	b = append(b, a.header...)
	b = append(b, c.l.clock.at(now).of(h)...)
	*buf = b
	body := a.body
	if h.headOnly {
		body = nil
	}
	n, err := c.write(b, body)
	a.left()
	if c.sending.kept {
		c.hold.Release()
	}
	c.l.counts.add(a.found, n)
	c.tell(h, a, len(b), n, begin)
	return err
}

// write sends header and body. It returns how many bytes went out.
func (c *conn) write(header, body []byte) (int64, error) {
	if c.socket == nil {
		return c.writeParts(header, body)
	}
	n, err := c.socket.send(header, body, c.onFull)
	c.went(n)
	return n, err
}

// sending is the answer that a connection gives.
type sending struct {
	body  *limit.Shared // the memory of its body
	kept  bool          // hold has that, or there is nothing to count
	went  int64         // how many bytes of it the limits know to be sent
	timed int64         // how far it was when the deadline was last set, in bytes
}

// begin says that a is the answer to h. It reports whether there is room for it in memory:
// what is not written by the socket is counted before, for only then can another answer
// be given.
func (c *conn) begin(h *head, a *Answer) bool {
	c.sending = sending{body: a.shared, kept: a.shared == nil || h.headOnly}
	return c.socket != nil || c.keep()
}

// keep counts the memory of the answer while it is on its way, and reports whether there is
// room for it. What a socket takes at once, as usual, need not be counted.
func (c *conn) keep() bool {
	if !c.sending.kept {
		c.sending.kept = c.hold.Share(c.sending.body)
	}
	return c.sending.kept
}

// went tells the limits how much of the answer the socket has taken. Of what goes through
// the methods of the connection they know.
func (c *conn) went(sent int64) {
	c.known.Sent(int(sent - c.sending.went))
	c.sending.went = sent
}

// full is called when the socket takes no more, with how many bytes it took.
func (c *conn) full(sent int64) error {
	c.went(sent) // before the limits begin to measure how much the client takes
	if !c.sending.kept && c.hold.Use(context.Background(), c.sending.body) != nil {
		return errNoMemory
	}
	c.sending.kept = true
	if c.sending.timed == 0 || sent-c.sending.timed >= slice {
		c.extendWrite()
		c.sending.timed = sent
	}
	return nil
}

// writeParts writes header and body by the methods of the connection, over TLS in as few
// records as may be: the first has header and body, the others are of the body alone and
// need no copy of it.
func (c *conn) writeParts(header, body []byte) (sent int64, err error) {
	first := min(len(body), max(0, record-len(header)))
	if sent, err = c.writePart(append(header, body[:first]...)); err != nil {
		return sent, err
	}
	for body = body[first:]; len(body) > 0; {
		part := body[:min(len(body), slice)]
		n, err := c.writePart(part)
		if sent += n; err != nil {
			return sent, err
		}
		if body = body[len(part):]; len(body) > 0 {
			c.extendWrite()
		}
	}
	return sent, nil
}

// writePart writes b, over TLS by few system calls.
func (c *conn) writePart(b []byte) (int64, error) {
	if c.below != nil {
		c.below.hold()
	}
	n, err := c.Conn.Write(b)
	if c.below != nil {
		if failed := c.below.release(); err == nil {
			err = failed
		}
	}
	return int64(n), err
}
