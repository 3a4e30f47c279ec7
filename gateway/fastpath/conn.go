package fastpath

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// The states of a conn, which decide who may close it when.
const (
	withServer int32 = iota // http.Server reads; or nobody yet
	waiting                 // the fast path waits for a request
	answering               // the fast path has a request; a Close waits for its end
	closed
)

// conn is a connection that answers plain requests when its server reads.
//
// Its fields without a lock belong to the goroutine that serves the connection.
// net/http reads in the background, too, but not while that goroutine reads, and
// its own lock orders the two.
type conn struct {
	net.Conn
	l     *Listener
	state atomic.Int32

	// fast: what is read next is the beginning of a request.
	fast bool
	// owed is how many bytes the server must still read before that is so again;
	// meaningless, and negative, once that is not certain.
	owed int64
	// extendAt is when the deadlines are to be moved on; zero if they are the server's.
	extendAt time.Time
}

// uncertain is an owed that never becomes 0 again.
const uncertain = -1

// Read returns bytes of requests for the server: those that are not plain.
func (c *conn) Read(p []byte) (int, error) {
	if c.fast {
		return c.serve(p)
	}
	n, err := c.Conn.Read(p)
	if c.owed != uncertain {
		if c.owed -= int64(n); c.owed < 0 {
			c.owed = uncertain
		}
	}
	return n, err
}

// returned is called when the server has answered a request and is about to
// read the next. If it was given exactly that one request, the connection is
// back where a request begins.
func (c *conn) returned() { c.fast = c.owed == 0 }

// serve answers plain requests until one arrives that is not, and returns the
// bytes of that, which is all that was read and not answered.
func (c *conn) serve(p []byte) (int, error) {
	if !c.state.CompareAndSwap(withServer, waiting) {
		return 0, net.ErrClosed
	}
	for {
		if c.l.draining.Load() {
			return 0, c.leave(io.EOF)
		}
		n, err := c.Conn.Read(p)
		if n == 0 {
			return 0, c.leave(err)
		}
		if !c.state.CompareAndSwap(waiting, answering) {
			return 0, net.ErrClosed
		}
		n, err = c.answerAll(p, n)
		if n > 0 || err != nil {
			return n, c.leave(err)
		}
		if !c.state.CompareAndSwap(answering, waiting) {
			return 0, c.leave(io.EOF)
		}
	}
}

// leave gives the connection to the server, or closes it if that was asked for
// while the fast path was answering. It returns err for the server.
func (c *conn) leave(err error) error {
	if c.state.Swap(withServer) == closed {
		c.state.Store(closed)
		_ = c.Conn.Close() // whoever asked for it has gone on
		return net.ErrClosed
	}
	return err
}

// answerAll answers the plain requests at the beginning of the n bytes in p and
// moves the rest, which is for the server, to the front. It returns the length
// of the rest. On io.EOF the server closes the connection without a word.
func (c *conn) answerAll(p []byte, n int) (int, error) {
	for from := 0; from < n; {
		h := parseHead(p[from:n])
		var a *Answer
		if h.plain {
			a = c.l.source.Answer(h.id)
		}
		if a == nil {
			c.handOver(h, n-from)
			return copy(p, p[from:n]), nil
		}
		h.close = h.close || c.l.draining.Load()
		if err := c.answer(h, a); err != nil || h.close {
			return 0, io.EOF
		}
		from += h.size
	}
	return 0, nil
}

// handOver notes what the server must have read before the connection comes
// back, given that it gets n bytes that begin with h now, and lets the server's
// deadlines rule.
func (c *conn) handOver(h head, n int) {
	c.fast = false
	c.owed = int64(h.size) + h.length - int64(n)
	if !h.framed || c.owed < 0 {
		c.owed = uncertain
	}
	if c.extendAt.IsZero() {
		return
	}
	c.extendAt = time.Time{}
	_ = c.Conn.SetDeadline(time.Time{}) // an error shows at the next read
	if c.l.limits.header > 0 {
		_ = c.Conn.SetReadDeadline(time.Now().Add(c.l.limits.header))
	}
}

// Close closes the connection, after the answer that the fast path is giving.
func (c *conn) Close() error {
	switch c.state.Swap(closed) {
	case answering:
		return nil // leave closes
	case closed:
		return nil
	}
	c.l.forget(c)
	return c.Conn.Close()
}

func (c *conn) closeIfWaiting() {
	if c.state.CompareAndSwap(waiting, closed) {
		c.l.forget(c)
		_ = c.Conn.Close() // it is given up
	}
}

// ReadFrom lets net/http send files as it does on the plain connection.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, r)
}

// CloseWrite lets net/http end an answer before it closes.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
