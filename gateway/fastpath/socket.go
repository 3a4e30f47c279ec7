//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// socket is a TCP connection whose system calls the fast path makes itself. That saves two things
// per request: telling the scheduler about calls that never block, and the read that finds
// nothing, by which Go's poller learns that it has to wait. In place of that read, TCP_INQ (Linux
// 4.18) reports with each read how many bytes are left.
//
// This relies on how the runtime polls: edge-triggered, and it remembers an edge that comes while
// nobody waits. A [syscall.RawConn] forgets the edge only when Read begins, and calls its function
// before it waits. So all requests are read and answered within one Read, and the function returns
// false only if the last read found nothing, or reported that nothing is left, not even the end of
// the stream. Bytes that arrive after that make a new edge, and are not missed.
//
// It belongs to the goroutine that serves the connection.
type socket struct {
	raw   syscall.RawConn
	calls calls
}

// newSocket returns the socket of c, nil if c has none that can be used in this way.
func newSocket(c net.Conn) *socket {
	if _, ok := c.(interface{ SetNoDelay(noDelay bool) error }); !ok {
		return nil // no TCP
	}
	with, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := with.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{raw: raw}
	_ = raw.Control(func(fd uintptr) { s.calls.prepare(int(fd)) })
	return s
}

// serve reads into the buffer that room returns and calls got after each read, until got returns
// false. Its error is that of a read or of waiting for one; io.EOF at the end of the stream.
func (s *socket) serve(room func() []byte, got func(n int) bool) error {
	var failed error
	err := s.raw.Read(func(fd uintptr) (done bool) {
		s.calls.fd = int(fd)
		defer func() { s.calls.fd = -1 }()
		for {
			n, drained, err := s.calls.read(room())
			switch {
			case errors.Is(err, syscall.EAGAIN):
				return false
			case errors.Is(err, syscall.EINTR):
				continue
			case err != nil, n == 0:
				failed = readError(err)
				return true
			case !got(n):
				return true
			case drained:
				return false
			}
		}
	})
	if waiting, ok := errors.AsType[*net.OpError](err); ok {
		return readError(waiting.Err)
	}
	return failed
}

// readError returns err, nil at the end of the stream, as a read of a [net.Conn] does.
func readError(err error) error {
	if err == nil {
		return io.EOF
	}
	return &net.OpError{Op: "read", Net: "tcp", Err: err}
}

// send sends header and body within serve, usually by one system call. Each time the socket takes
// no more, send calls full with the number of bytes sent, and waits unless full returns an error.
// It returns the number of bytes sent.
func (s *socket) send(header, body []byte, full func(sent int64) error) (int64, error) {
	n, err := s.calls.write(header, body)
	if err != nil || n == len(header)+len(body) {
		return int64(n), err
	}
	return s.sendRest(header, body, n, full)
}

// sendRest is send after the first n bytes.
func (s *socket) sendRest(header, body []byte, n int, full func(sent int64) error) (int64, error) {
	var sent int64
	var failed error
	err := s.raw.Write(func(uintptr) (done bool) {
		for {
			sent += int64(n)
			ofHeader := min(n, len(header))
			header, body = header[ofHeader:], body[n-ofHeader:]
			if len(header)+len(body) == 0 {
				return true
			}
			if n, failed = s.calls.write(header, body); failed != nil {
				return true
			}
			if n == 0 {
				failed = full(sent)
				return failed != nil
			}
		}
	})
	return sent, errors.Join(failed, err)
}
