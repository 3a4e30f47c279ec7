//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// pipeSize is the size of a pipe, in bytes. One that has less, because its user has
// many, sends less at a time.
const pipeSize = 1 << 20

// pipe is the way of pages from memory to a socket: vmsplice puts them into it and
// splice takes them out. It is empty when nobody uses it.
type pipe struct{ out, in int }

// pipes are those that wait to be used, no more than can be at a time: a sender has
// one for the two system calls, and never while it waits. It is safe for concurrent use.
type pipes struct {
	idle chan pipe
	null int // where goes what a socket did not take; -1 if it cannot be opened
}

func newPipes() *pipes {
	null, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		null = -1
	}
	p := &pipes{idle: make(chan pipe, runtime.GOMAXPROCS(0)), null: null}
	runtime.AddCleanup(p, func(idle chan pipe) {
		_ = unix.Close(null)
		for len(idle) > 0 {
			(<-idle).close()
		}
	}, p.idle)
	return p
}

// get returns a pipe that is empty; false if there is none to be had.
func (p *pipes) get() (pipe, bool) {
	select {
	case one := <-p.idle:
		return one, true
	default:
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return pipe{}, false
	}
	_, _ = unix.FcntlInt(uintptr(ends[1]), unix.F_SETPIPE_SZ, pipeSize)
	return pipe{ends[0], ends[1]}, true
}

// put takes back a pipe in which n bytes are left, and drops them: they would keep a
// connection's pages while others send.
func (p *pipes) put(one pipe, n int) {
	for n > 0 {
		dropped, err := splice(one.out, p.null, n, 0)
		if err != nil || dropped == 0 {
			one.close()
			return
		}
		n -= dropped
	}
	select {
	case p.idle <- one:
	default:
		one.close()
	}
}

func (p pipe) close() {
	_, _ = unix.Close(p.out), unix.Close(p.in)
}

// splice moves up to n bytes from a pipe to another file, which must not block. On
// EAGAIN nothing was moved.
func splice(from, to, n, flags int) (int, error) {
	for {
		r, _, errno := unix.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(n), uintptr(flags|unix.SPLICE_F_NONBLOCK))
		switch {
		case errors.Is(errno, unix.EINTR):
			continue
		case errno != 0:
			return 0, errno
		}
		return int(r), nil
	}
}
