//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"errors"
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
	if bodyToo {
		s.body = a.body
	}
	if r := a.region; bodyToo && r != nil {
		s.from, s.offset, s.end = int(r.file.Fd()), r.offset, r.offset+int64(r.size)
		if r.size <= moreLimit {
			s.flags = unix.MSG_MORE
		}
	}
	if !s.run(uintptr(c.socket.fd)) {
		err := c.socket.raw.Write(s.run)
		s.err = errors.Join(s.err, err)
	}
	runtime.KeepAlive(a)
	return s.sent, s.err
}

// sending is an answer on its way: what is left of it.
type sending struct {
	conn         *conn
	header, body []byte
	flags        int   // of the header
	from         int   // descriptor of the arena
	offset, end  int64 // in it
	sent, timed  int64 // how far it is, and was when the deadline was last set
	err          error
}

// run sends what the socket takes. It returns false to be called again when the
// socket takes more.
func (s *sending) run(fd uintptr) bool {
	for s.err == nil && (len(s.header) > 0 || len(s.body) > 0 || s.offset < s.end) {
		var n int
		if len(s.header) > 0 || len(s.body) > 0 {
			n = s.write()
		} else {
			n = s.sendFile(int(fd))
		}
		s.sent += int64(n)
		if n == 0 && s.err == nil {
			s.extend()
			return false
		}
	}
	return true
}

// write sends of what lies in the heap. It returns 0 if the socket takes nothing.
func (s *sending) write() (n int) {
	n, s.err = s.conn.socket.write(s.header, s.body[:min(len(s.body), slice)], s.flags)
	ofHeader := min(n, len(s.header))
	s.header, s.body = s.header[ofHeader:], s.body[n-ofHeader:]
	return n
}

// sendFile sends of what lies in the arena. It returns 0 if the socket takes nothing.
func (s *sending) sendFile(fd int) int {
	before := s.offset
	err := sendFile(fd, s.from, &s.offset, int(min(s.end-s.offset, slice)))
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		s.err = err
	}
	return int(s.offset - before)
}

// extend gives each slice of the body its time.
func (s *sending) extend() {
	if s.timed == 0 || s.sent-s.timed >= slice {
		s.conn.extendWrite()
		s.timed = s.sent
	}
}
