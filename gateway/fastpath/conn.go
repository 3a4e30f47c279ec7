package fastpath

import (
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/internal/limit"
)

// The states of a conn. They decide which goroutine may close it, and when.
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
	l        *Listener
	socket   *socket            // of Conn; nil if the fast path reads and writes by its methods
	below    *joined            // the connection below Conn, if Conn is TLS
	known    *limit.Conn        // the connection as the limits know it; nil if they do not
	reserved *limit.Reservation // the memory of the answer in flight; nil if memory is not counted
	state    atomic.Int32

	// fast reports that the next byte to read begins a request.
	fast bool
	// owed is how many bytes the server must still read until the next byte begins a request. Once
	// that number is in doubt, owed is uncertain for good.
	owed int64
	// extendAt is when the deadlines are to be moved on; zero if they are the server's.
	extendAt time.Time
	// ahead is the first byte of the next request, if hasAhead.
	ahead    [1]byte
	hasAhead bool
	// interrupt ends a watch; it holds at most one signal.
	interrupt chan struct{}
	// fresh reports that the server has answered nothing yet. It then counts the wait for a request
	// as time for reading it.
	fresh bool
	// sending is the answer that is being written. The socket calls onFull when it is full.
	sending sending
	onFull  func(sent int64) error
	// held is how long the fast path kept the server waiting before it gave the server the first
	// bytes, until the server sets the next deadline.
	held time.Duration
}

// uncertain is an owed that never becomes 0 again.
const uncertain = -1

// Read returns bytes of requests for the server: those that are not plain.
func (c *conn) Read(p []byte) (int, error) {
	switch {
	case c.fast:
		return c.serve(p)
	case c.owed == 0:
		return c.watch()
	case c.hasAhead:
		c.hasAhead, c.owed = false, uncertain
		return copy(p, c.ahead[:]), nil
	}
	n, err := c.Conn.Read(p)
	if c.owed != uncertain {
		if c.owed -= int64(n); c.owed < 0 {
			c.owed = uncertain
		}
	}
	return n, err
}

// watch is the read by which net/http notices, while a handler runs, that the client has gone.
// Net/http makes no other read before the connection is idle, because it has the whole request. If
// the next request arrives instead, watch keeps its first byte. That happens often: net/http ends
// this read, by a deadline in the past, only after the answer is out, and clients are faster.
func (c *conn) watch() (int, error) {
	select {
	case <-c.interrupt: // of an earlier read
	default:
	}
	if !c.hasAhead {
		n, err := c.Conn.Read(c.ahead[:])
		if n == 0 {
			return 0, err
		}
		c.hasAhead = true
	}
	<-c.interrupt
	return 0, os.ErrDeadlineExceeded
}

// changed is called when the server is about to read the next request, or has given the connection
// away. If the server has read exactly one request since the last call, the next byte begins a
// request again.
func (c *conn) changed(state http.ConnState) {
	switch state {
	case http.StateIdle:
		c.fast, c.held, c.fresh = c.owed == 0, 0, false
	case http.StateHijacked:
		c.owed = uncertain
	}
}

// serve answers plain requests until another request arrives, and puts the bytes of that one,
// which are all that were read and not answered, into p. It returns their number.
func (c *conn) serve(p []byte) (n int, err error) {
	if !c.state.CompareAndSwap(withServer, waiting) {
		return 0, net.ErrClosed
	}
	t := turn{conn: c, p: p, begun: time.Now()}
	defer func() { err = c.leave(t.err) }() // also if the source panics
	if c.l.draining.Load() {
		t.err = io.EOF
		return 0, nil
	}
	if c.hasAhead {
		c.hasAhead = false
		t.n = copy(p, c.ahead[:])
	}
	read := t.readAll
	if c.socket != nil {
		read = func() error { return c.socket.serve(t.room, t.got) }
	}
	if err := read(); err != nil {
		if c.answered() {
			t.n = 0
		}
		t.err = err
	}
	return t.n, nil
}

// turn is the time from the server's call of Read to its return.
type turn struct {
	*conn
	p     []byte // the server's buffer
	n     int    // how many bytes of p are read and not answered
	begun time.Time
	err   error // for the server
}

// room returns the free part of the server's buffer.
func (t *turn) room() []byte { return t.p[t.n:] }

// got answers the requests in p after n more bytes were read. It returns false when the server has
// to go on.
func (t *turn) got(n int) bool {
	if !t.state.CompareAndSwap(waiting, answering) {
		t.n, t.err = 0, net.ErrClosed
		return false
	}
	t.n, t.err = t.answerAll(t.p, t.n+n, t.begun)
	if t.err != nil || !t.fast {
		return false
	}
	if !t.state.CompareAndSwap(answering, waiting) || t.l.draining.Load() {
		t.err = io.EOF
		return false
	}
	return true
}

// readAll reads and answers by the methods of the connection. Its error is that of a read.
func (t *turn) readAll() error {
	for {
		n, err := t.Conn.Read(t.room())
		if n == 0 {
			return err
		}
		if !t.got(n) {
			return nil
		}
	}
}

// leave gives the connection back to the server. If a Close came while the fast path was sending
// an answer, leave closes the connection. It returns err for the server.
func (c *conn) leave(err error) error {
	if c.state.CompareAndSwap(waiting, withServer) || c.state.CompareAndSwap(answering, withServer) {
		return err
	}
	_ = c.shut() // the caller of Close has returned already
	return net.ErrClosed
}

// answerAll answers the plain requests at the beginning of the n bytes in p and moves the rest to
// the front. It returns the length of the rest, which is for the server unless c is still fast. On
// io.EOF the server closes the connection without an answer.
func (c *conn) answerAll(p []byte, n int, begun time.Time) (int, error) {
	for from := 0; from < n; {
		h := parseHead(p[from:n])
		ready, err := c.tryAnswer(&h)
		if !ready {
			if !c.answered() || n-from >= leastHead {
				c.handOver(h, n-from, begun)
			}
			return copy(p, p[from:n]), nil
		}
		if err != nil || h.close {
			return 0, io.EOF
		}
		from += h.size
	}
	return 0, nil
}

// tryAnswer answers h if h is plain and the source has an answer.
func (c *conn) tryAnswer(h *head) (ready bool, err error) {
	if !h.plain {
		return false, nil
	}
	begin := c.l.downloads.started()
	a := c.l.downloads.Source(h.id, c.reserved, !h.headOnly)
	if a == nil || h.browser && !a.found || !c.begin(h, a) {
		c.reserved.Release()
		return false, nil
	}
	h.close = h.close || c.l.draining.Load()
	return true, c.answer(*h, a, begin)
}

// leastHead is how many bytes net/http expects after a request before it takes them for the next
// one. After fewer bytes, it answers with an error if no more come.
const leastHead = 4

// answered reports whether the fast path has answered since the connection was accepted or came
// back. Then the fast path's own deadlines are set.
func (c *conn) answered() bool { return !c.extendAt.IsZero() }

// handOver gives the server n bytes, which begin with h. It notes how many more bytes the server
// must read before the connection can come back, and sets the server's deadlines.
func (c *conn) handOver(h head, n int, begun time.Time) {
	c.fast = false
	c.owed = int64(h.size) + h.length - int64(n)
	if !h.framed || c.owed < 0 {
		c.owed = uncertain
	}
	if !c.answered() {
		return
	}
	now := time.Now()
	c.extendAt = time.Time{}
	if c.fresh {
		c.held = now.Sub(begun)
	}
	_ = c.Conn.SetDeadline(time.Time{}) // an error shows at the next read
	if c.l.limits.header > 0 {
		_ = c.Conn.SetReadDeadline(now.Add(c.l.limits.header))
	}
}

// NetConn returns the connection inside.
func (c *conn) NetConn() net.Conn { return c.Conn }
