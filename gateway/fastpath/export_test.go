//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import "golang.org/x/sys/unix"

// Empty returns how many blocks of s no body lies in.
func (s *Arena) Empty() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.empty)
}

// BreakPipes gives s pipes that are none, so that the kernel takes no pages into them,
// as where a sandbox forbids that.
func (s *Arena) BreakPipes() error {
	for range cap(s.pipes.idle) {
		out, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		in, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		s.pipes.idle <- pipe{out, in}
	}
	return nil
}
