//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"errors"
	"io"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a TCP connection whose system calls the fast path makes itself. That
// saves two things of each request: telling the scheduler of calls that never block
// (RawSyscall), and the read that finds nothing, by which Go's poller learns that it
// has to wait: TCP_INQ (Linux 4.18) says with each read what is left.
//
// What that relies on: the runtime polls edge-triggered and remembers an edge that
// comes while nobody waits. A [syscall.RawConn] forgets it only when Read begins, and
// asks its function before it waits. So all requests are read and answered within
// one Read, and the function returns false only if the last read said that nothing
// is left, not even the end of the stream, or found nothing: what comes after that
// is an edge, and is not missed.
//
// It belongs to the goroutine that serves the connection.
type socket struct {
	raw     syscall.RawConn
	fd      int // during a Read, else -1
	message unix.Msghdr
	pieces  [2]unix.Iovec
	control [unix.SizeofCmsghdr + 8]byte // CMSG_SPACE of one int
}

// newSocket returns the socket of c, nil if it has none to be used in this way.
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
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_TCP, unix.TCP_INQ, 1) // without it there is one more read
	})
	s := &socket{raw: raw, fd: -1}
	s.message.Iov = &s.pieces[0]
	return s
}

// serve calls got after each read into what room returns, until it returns false.
// Its error is that of a read or of waiting for one; io.EOF at the end.
func (s *socket) serve(room func() []byte, got func(n int) bool) error {
	var failed error
	err := s.raw.Read(func(fd uintptr) (done bool) {
		s.fd = int(fd)
		defer func() { s.fd = -1 }()
		for {
			n, drained, err := s.read(room())
			switch {
			case errors.Is(err, unix.EAGAIN):
				return false
			case errors.Is(err, unix.EINTR):
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

// read reads what is there. Drained: nothing is left, and the peer has not ended.
func (s *socket) read(p []byte) (n int, drained bool, err error) {
	s.pieces[0].Base = &p[0]
	s.pieces[0].SetLen(len(p))
	s.message.SetIovlen(1)
	s.message.Control = &s.control[0]
	s.message.SetControllen(len(s.control))
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.message)), 0)
	s.pieces[0].Base = nil
	if errno != 0 {
		return 0, false, errno
	}
	return int(r), s.left() == 0, nil
}

// left returns what the last read left over; -1 if the kernel does not say. The end
// of the stream counts as one byte.
func (s *socket) left() int32 {
	header := (*unix.Cmsghdr)(unsafe.Pointer(&s.control[0]))
	if int(s.message.Controllen) < unix.SizeofCmsghdr+4 || header.Level != unix.SOL_TCP || header.Type != unix.TCP_CM_INQ {
		return -1
	}
	return *(*int32)(unsafe.Pointer(&s.control[unix.SizeofCmsghdr]))
}

// write sends what of header and body, not both empty, the socket takes at once; 0 if
// it takes nothing.
func (s *socket) write(header, body []byte, flags int) (n int, err error) {
	s.message.Control = nil
	s.message.SetControllen(0)
	s.message.SetIovlen(1)
	if len(header) == 0 {
		header, body = body, nil
	}
	s.pieces[0].Base = &header[0]
	s.pieces[0].SetLen(len(header))
	if len(body) > 0 {
		s.message.SetIovlen(2)
		s.pieces[1].Base = &body[0]
		s.pieces[1].SetLen(len(body))
	}
	for {
		r, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.message)), uintptr(flags|unix.MSG_NOSIGNAL))
		switch errno {
		case 0:
			n = int(r)
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			err = &net.OpError{Op: "write", Net: "tcp", Err: errno}
		}
		s.pieces[0].Base, s.pieces[1].Base = nil, nil
		return n, err
	}
}

// fill puts the pages of body and of the first of rest into a pipe. They must not
// change. It returns how many bytes the pipe took.
func (s *socket) fill(pipe int, body []byte, rest [][]byte) (int, error) {
	n := 1
	s.pieces[0].Base = &body[0]
	s.pieces[0].SetLen(len(body))
	if len(rest) > 0 {
		n = 2
		s.pieces[1].Base = &rest[0][0]
		s.pieces[1].SetLen(len(rest[0]))
	}
	r, _, errno := unix.RawSyscall6(unix.SYS_VMSPLICE, uintptr(pipe), uintptr(unsafe.Pointer(&s.pieces[0])), uintptr(n), unix.SPLICE_F_NONBLOCK, 0, 0)
	s.pieces[0].Base, s.pieces[1].Base = nil, nil
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}
