//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// calls makes the two system calls of the fast path, on a socket that does not block. It uses
// RawSyscall, which does not tell the scheduler, because the calls never block.
//
// All unsafe code of the fast path is here. It relies on three facts. The kernel reads and writes
// the memory to which message points only during the call. A pointer in a field that the garbage
// collector knows, as Base, Iov and Control are, keeps its target alive and, in the heap, in place.
// The kernel lays out a control message as [unix.Cmsghdr] says, with its data behind it, aligned;
// control has room for that.
type calls struct {
	fd      int // during a Read of the socket, else -1
	message unix.Msghdr
	pieces  [2]unix.Iovec
	control [unix.SizeofCmsghdr + 8]byte // CMSG_SPACE of one int
}

// prepare makes the kernel report, with each read of fd, how many bytes are left.
func (c *calls) prepare(fd int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_INQ, 1) // without it there is one more read
	c.fd = -1
	c.message.Iov = &c.pieces[0]
}

// read reads the bytes that have arrived. Drained reports that none is left and that the peer has
// not ended the stream.
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

// left returns how many bytes the last read left; -1 if the kernel does not say. The end of the
// stream counts as one byte.
func (c *calls) left() int32 {
	header := (*unix.Cmsghdr)(unsafe.Pointer(&c.control[0]))
	if int(c.message.Controllen) < unix.SizeofCmsghdr+4 || header.Level != unix.SOL_TCP || header.Type != unix.TCP_CM_INQ {
		return -1
	}
	return *(*int32)(unsafe.Pointer(&c.control[unix.SizeofCmsghdr]))
}

// write sends as much of header and body, which are not both empty, as the socket takes at once; 0
// if it takes nothing.
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
