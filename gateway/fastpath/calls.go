//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// calls are the two system calls of the fast path, on a socket that does not block. They
// go past the scheduler (RawSyscall), which would have to hear of a call that blocks.
//
// All that is unsafe in the fast path is here. It relies on this: the kernel reads and
// writes what message points to during the call alone; a pointer in a field that the
// collector knows, as Base, Iov and Control are, keeps what it points to alive and, in the
// heap, in its place; and the kernel lays a control message out as [unix.Cmsghdr] says,
// with its data behind it, aligned, for which control has room.
type calls struct {
	fd      int // during a Read of the socket, else -1
	message unix.Msghdr
	pieces  [2]unix.Iovec
	control [unix.SizeofCmsghdr + 8]byte // CMSG_SPACE of one int
}

// prepare makes each read of fd say what is left.
func (c *calls) prepare(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_INQ, 1) // without it there is one more read
	c.fd = -1
	c.message.Iov = &c.pieces[0]
}

// read reads what is there. Drained: nothing is left, and the peer has not ended.
func (c *calls) read(p []byte) (n int, drained bool, err error) {
	c.pieces[0].Base = &p[0]
	c.pieces[0].SetLen(len(p))
	c.message.SetIovlen(1)
	c.message.Control = &c.control[0]
	c.message.SetControllen(len(c.control))
	r, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&c.message)), 0)
	c.pieces[0].Base = nil
	if errno != 0 {
		return 0, false, errno
	}
	return int(r), c.left() == 0, nil
}

// left returns what the last read left over; -1 if the kernel does not say. The end
// of the stream counts as one byte.
func (c *calls) left() int32 {
	header := (*unix.Cmsghdr)(unsafe.Pointer(&c.control[0]))
	if int(c.message.Controllen) < unix.SizeofCmsghdr+4 || header.Level != unix.SOL_TCP || header.Type != unix.TCP_CM_INQ {
		return -1
	}
	return *(*int32)(unsafe.Pointer(&c.control[unix.SizeofCmsghdr]))
}

// write sends what of header and body, not both empty, the socket takes at once; 0 if
// it takes nothing.
func (c *calls) write(header, body []byte) (n int, err error) {
	c.message.Control = nil
	c.message.SetControllen(0)
	c.message.SetIovlen(1)
	if len(header) == 0 {
		header, body = body, nil
	}
	c.pieces[0].Base = &header[0]
	c.pieces[0].SetLen(len(header))
	if len(body) > 0 {
		c.message.SetIovlen(2)
		c.pieces[1].Base = &body[0]
		c.pieces[1].SetLen(len(body))
	}
	defer func() { c.pieces[0].Base, c.pieces[1].Base = nil, nil }()
	for {
		r, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&c.message)), unix.MSG_NOSIGNAL)
		switch errno {
		case 0:
			return int(r), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		default:
			return 0, &net.OpError{Op: "write", Net: "tcp", Err: errno}
		}
	}
}
