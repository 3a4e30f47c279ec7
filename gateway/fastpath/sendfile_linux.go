package fastpath

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// memoryFile returns an anonymous file in memory, or nil if there is none to be had.
func memoryFile() *os.File {
	if hugePages() {
		return nil
	}
	fd, err := unix.MemfdCreate("torrents", unix.MFD_CLOEXEC)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "torrents")
}

// hugePages reports whether the kernel may join pages of files in memory. Then a
// body could not be given back alone: a hole in a joined page is zeroed in place,
// also in what still waits in a socket. With single pages, which is the kernel's
// default, a socket keeps the pages it was given as they were.
func hugePages() bool {
	const settings = "/sys/kernel/mm/transparent_hugepage/"
	names, _ := filepath.Glob(settings + "hugepages-*/shmem_enabled") // the pattern is right
	for _, name := range append(names, settings+"shmem_enabled") {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a kernel without them
		}
		for _, on := range []string{"[always]", "[within_size]", "[force]"} {
			if bytes.Contains(text, []byte(on)) {
				return true
			}
		}
	}
	return false
}

// punch gives the memory of a part of f back. Were it refused, that memory would
// be lost, but nothing would be wrong.
func punch(f *os.File, offset, size int64) {
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, size)
	runtime.KeepAlive(f)
}

// moreLimit is the largest body whose header waits for it, so that both leave in
// one packet. With larger ones that costs more than the packet saves.
const moreLimit = 64 << 10

// sendRegion sends an answer whose body is r, and returns how many bytes went
// out. Ok is false, and nothing was sent, if the connection cannot do it.
func (c *conn) sendRegion(header []byte, r *region) (sent int64, ok bool, err error) {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return 0, false, nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, true, err
	}
	s := sending{conn: c, header: header, from: int(r.file.Fd()), offset: r.offset, end: r.offset + int64(r.size)}
	if r.size <= moreLimit {
		s.flags = unix.MSG_MORE
	}
	err = raw.Write(s.run)
	runtime.KeepAlive(r)
	return int64(len(header)-len(s.header)) + s.offset - r.offset, true, errors.Join(err, s.err)
}

// sending is an answer on its way: what is left of it.
type sending struct {
	conn        *conn
	header      []byte
	flags       int // of the header
	from        int // descriptor of the arena
	offset, end int64
	timed       int64 // how far it was when the deadline was last set
	err         error
}

// run sends what the socket takes. It returns false to be called again when the
// socket takes more.
func (s *sending) run(socket uintptr) bool {
	for s.err == nil && (len(s.header) > 0 || s.offset < s.end) {
		var n int
		if len(s.header) > 0 {
			n, s.err = unix.SendmsgN(int(socket), s.header, nil, nil, s.flags|unix.MSG_NOSIGNAL)
			s.header = s.header[max(n, 0):]
		} else {
			_, s.err = unix.Sendfile(int(socket), s.from, &s.offset, int(s.end-s.offset)) // moves offset
		}
		switch {
		case errors.Is(s.err, unix.EINTR):
			s.err = nil
		case errors.Is(s.err, unix.EAGAIN):
			s.err = nil
			s.extend()
			return false
		}
	}
	return true
}

// extend gives each slice of the body its time.
func (s *sending) extend() {
	if s.timed == 0 || s.offset-s.timed >= slice {
		s.conn.extendWrite()
		s.timed = s.offset
	}
}
