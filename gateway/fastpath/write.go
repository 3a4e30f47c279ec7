package fastpath

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/limit"
)

// record is the largest record of TLS (RFC 8446, section 5.1), in bytes.
const record = 16 << 10

// headers are buffers for the header of an answer and, over TLS, for the part of the body that
// goes into the same record.
var headers = sync.Pool{New: func() any {
	b := make([]byte, 0, record)
	return &b
}}

// errNoMemory ends an answer that the client does not read while there is no memory to keep it in.
var errNoMemory = errors.New("no memory for an answer that the client does not take")

// answer writes a, the answer to h, which arrived at begin, byte for byte as net/http would.
func (c *conn) answer(h head, a *Answer, begin time.Time) error {
	now := time.Now()
	c.extend(now)
	buf := headers.Get().(*[]byte)
	defer headers.Put(buf)
	b := appendHeader((*buf)[:0], h, a, now)
	*buf = b
	body := a.body
	if h.headOnly {
		body = nil
	}
	n, err := c.write(b, body)
	a.recycle()
	if c.sending.kept {
		c.reserved.Release()
	}
	c.l.downloads.answered(a, n, func() Download {
		return Download{ID: h.id, Method: h.method(), Sent: max(0, n-int64(len(b))), Begin: begin, Peer: c.Conn.RemoteAddr(), TLS: c.secured()}
	})
	return err
}

// appendHeader appends to b the status line and header of a, the answer to h. It adds Connection
// only if that differs from the default of the request's version (RFC 9112, section 9.3).
func appendHeader(b []byte, h head, a *Answer, now time.Time) []byte {
	version, status := "HTTP/1.1", " 200 OK\r\n"
	if h.http10 {
		version = "HTTP/1.0"
	}
	if !a.found {
		status = " 404 Not Found\r\n"
	}
	b = append(append(b, version...), status...)
	b = append(append(b, a.header...), "Date: "...)
	b = now.UTC().AppendFormat(b, http.TimeFormat)
	switch {
	case h.http10 && !h.close:
		b = append(b, "\r\nConnection: keep-alive"...)
	case !h.http10 && h.close:
		b = append(b, "\r\nConnection: close"...)
	}
	return append(b, "\r\n\r\n"...)
}

// write sends header and body. It returns how many bytes went out.
func (c *conn) write(header, body []byte) (int64, error) {
	if c.socket == nil {
		return c.writeParts(header, body)
	}
	n, err := c.socket.send(header, body, c.onFull)
	c.noteSent(n)
	return n, err
}

// sending is the answer that a connection gives.
type sending struct {
	body  *limit.Shared // the memory of its body
	kept  bool          // reserved counts that memory, or there is nothing to count
	sent  int64         // bytes that the limits know to be sent
	timed int64         // bytes that were sent when the deadline was last set
}

// begin notes that a is the answer to h. It reports whether there is memory for it. An answer that
// is not written by a socket is counted first, because another answer is possible only before this
// one begins.
func (c *conn) begin(h *head, a *Answer) bool {
	c.sending = sending{body: a.shared, kept: a.shared == nil || h.headOnly}
	return c.socket != nil || c.keep()
}

// keep counts the memory of the answer in flight, and reports whether there is room for it. The
// part that a socket takes at once, usually the whole answer, need not be counted.
func (c *conn) keep() bool {
	if !c.sending.kept {
		c.sending.kept = c.reserved.Share(c.sending.body)
	}
	return c.sending.kept
}

// noteSent tells the limits how much of the answer the socket has taken. The methods of the
// connection tell them by themselves.
func (c *conn) noteSent(sent int64) {
	c.known.Sent(int(sent - c.sending.sent))
	c.sending.sent = sent
}

// full is called when the socket takes no more; sent is how many bytes it took.
func (c *conn) full(sent int64) error {
	c.noteSent(sent) // before the limits begin to measure how fast the client reads
	if !c.sending.kept && c.reserved.Use(context.Background(), c.sending.body) != nil {
		return errNoMemory
	}
	c.sending.kept = true
	if c.sending.timed == 0 || sent-c.sending.timed >= slice {
		c.extendWrite()
		c.sending.timed = sent
	}
	return nil
}

// writeParts writes header and body by the methods of the connection, over TLS in as few records
// as possible. The first record has the header and a part of the body. The others have only body,
// which needs no copy.
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
