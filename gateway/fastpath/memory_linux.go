package fastpath

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"

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
