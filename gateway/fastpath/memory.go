//go:build linux && (amd64 || arm64 || riscv64 || loong64 || ppc64le || s390x)

package fastpath

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserved is how much address space an arena takes at a time, in bytes. Memory is
// only taken by what is filled of it.
const reserved = 64 << 20

// reserve returns memory of zeros for blocks, nil if there is none to be had. It is
// never given back: then an address in it can show nothing but an arena.
func reserve() []byte {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_NORESERVE
	p, err := unix.MmapPtr(-1, 0, nil, reserved+blockSize, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return nil
	}
	toBoundary := -uintptr(p) % blockSize
	memory := unsafe.Slice((*byte)(unsafe.Add(p, toBoundary)), reserved)
	_ = unix.Madvise(memory, unix.MADV_HUGEPAGE) // without it all works, but costs more
	return memory
}

// release gives memory back to the system: it holds zeros afterwards. A socket keeps
// the pages that it was given as they were, for they are private: the system takes
// them away from here, and never writes to them. (A hole in a file with huge pages
// would be zeroed in place.)
func release(memory []byte) bool { return unix.Madvise(memory, unix.MADV_DONTNEED) == nil }
