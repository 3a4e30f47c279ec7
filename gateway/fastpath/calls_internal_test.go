//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// pair returns the two ends of a connection.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	return near, far
}

// Header and body of torrents of usual sizes leave by one system call.
func TestHeaderAndBodyLeaveAtOnce(t *testing.T) {
	near, far := pair(t)
	header := bytes.Repeat([]byte("h"), 400)
	for _, size := range []int{0, 1, 4 << 10, 20 << 10, 100 << 10, 256 << 10} {
		body := bytes.Repeat([]byte("b"), size)
		s := newSocket(near)
		err := s.raw.Write(func(fd uintptr) bool {
			s.calls.fd = int(fd)
			n, err := s.calls.write(header, body)
			if n != len(header)+size || err != nil {
				t.Errorf("of a body of %d bytes %d left with the header, %v", size, n, err)
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(header)+size)
		if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, append(header[:len(header):len(header)], body...)) {
			t.Errorf("%d bytes are not as they were sent, %v", len(got), err)
		}
	}
}
