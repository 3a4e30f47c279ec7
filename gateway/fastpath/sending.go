//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"errors"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// moreLimit is the largest body in an arena whose header waits for it, so that both
// leave in one packet. With larger ones that costs more than the packet saves.
const moreLimit = 64 << 10

// send sends header and the body of a, unless it is left out, by system calls of the
// fast path's own. It returns how many bytes went out.
func (c *conn) send(header []byte, a *Answer, bodyToo bool) (int64, error) {
	s := sending{conn: c, header: header}
	r := a.region.Load()
	switch {
	case !bodyToo:
	case r != nil:
		s.body, s.rest, s.pipes = r.pieces[0], r.pieces[1:], r.pipes
		if s.left() <= moreLimit {
			s.flags = unix.MSG_MORE
		}
	default:
		s.body = a.body
	}
	if !s.run(uintptr(c.socket.fd)) {
		err := c.socket.raw.Write(s.run)
		s.err = errors.Join(s.err, err)
	}
	runtime.KeepAlive(a)
	runtime.KeepAlive(r)
	return s.sent, s.err
}

// sending is an answer on its way: what is left of it.
type sending struct {
	conn         *conn
	header, body []byte
	rest         [][]byte // of the body
	pipes        *pipes   // for the body; nil if it is copied
	flags        int      // of the header
	sent, timed  int64    // how far it is, and was when the deadline was last set
	err          error
}

// run sends what the socket takes. It returns false to be called again when the
// socket takes more.
func (s *sending) run(fd uintptr) bool {
	for s.err == nil && (len(s.header) > 0 || len(s.body) > 0) {
		var n int
		switch {
		case s.pipes == nil:
			n = s.write(s.body)
		case len(s.header) > 0:
			n = s.write(nil)
		default:
			n = s.splice(int(fd))
		}
		if n == 0 && s.err == nil {
			s.extend()
			return false
		}
		s.advance(n)
	}
	return true
}

// write copies the header and of the body to the socket. It returns 0 if the socket
// takes nothing.
func (s *sending) write(body []byte) (n int) {
	n, s.err = s.conn.socket.write(s.header, body[:min(len(body), slice)], s.flags)
	return n
}

// splice lends the body to the socket. It returns 0 if the socket takes nothing.
func (s *sending) splice(fd int) (n int) {
	p, ok := s.pipes.get()
	if !ok {
		s.pipes, s.flags = nil, 0
		return s.write(s.body)
	}
	in, err := s.conn.socket.fill(p.in, s.body, s.rest)
	if err != nil { // some sandboxes forbid it
		s.pipes.put(p, 0)
		s.pipes, s.flags = nil, 0
		return s.write(s.body)
	}
	more := 0
	if in < s.left() {
		more = unix.SPLICE_F_MORE
	}
	n, err = splice(p.out, fd, in, more)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		s.err = &net.OpError{Op: "splice", Net: "tcp", Err: err}
	}
	s.pipes.put(p, in-n)
	return n
}

// left returns how much of the body is to be sent, in bytes.
func (s *sending) left() int {
	n := len(s.body)
	for _, piece := range s.rest {
		n += len(piece)
	}
	return n
}

// advance notes that n bytes more are sent.
func (s *sending) advance(n int) {
	s.sent += int64(n)
	ofHeader := min(n, len(s.header))
	s.header, n = s.header[ofHeader:], n-ofHeader
	for n > 0 {
		ofBody := min(n, len(s.body))
		s.body, n = s.body[ofBody:], n-ofBody
		if len(s.body) == 0 && len(s.rest) > 0 {
			s.body, s.rest = s.rest[0], s.rest[1:]
		}
	}
}

// extend gives each slice of the body its time.
func (s *sending) extend() {
	if s.timed == 0 || s.sent-s.timed >= slice {
		s.conn.extendWrite()
		s.timed = s.sent
	}
}
