//go:build !linux || !(amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"errors"
	"net"
)

// socket is unused on systems on which the fast path does not make its own system calls.
type socket struct{}

func newSocket(net.Conn) *socket { return nil }

func (*socket) serve(func() []byte, func(int) bool) error { return errors.ErrUnsupported }

func (*socket) send([]byte, []byte, func(int64) error) (int64, error) {
	return 0, errors.ErrUnsupported
}
