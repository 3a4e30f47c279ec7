package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// spare is the memory, and the disk space, that must remain besides the torrents, in bytes.
const spare = 3 << 30

// room returns an error unless the disk has room for the torrents of s twice: in the product's
// store and in files. The row with a cache for a tenth needs both in memory, too.
func (b *bench) room(s set) error {
	each := cmp.Or(s.size, meanSize)
	const block = 4096 // a file wastes up to one block
	need := uint64(2*each+block)*uint64(s.n) + spare
	var disk unix.Statfs_t
	if err := unix.Statfs(b.dir, &disk); err != nil {
		return err
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < need {
		return fmt.Errorf("%d torrents take %d MiB of disk with what is to spare, and %s has %d MiB free: -distinct for fewer",
			s.n, need>>20, b.dir, free>>20)
	}
	free, err := availableMemory()
	if err != nil {
		return err
	}
	if free < need {
		return fmt.Errorf("%d torrents take %d MiB of memory with what is to spare, and %d MiB are free: -distinct for fewer",
			s.n, need>>20, free>>20)
	}
	return nil
}

// availableMemory returns the bytes of memory that processes may still use, including the page
// cache that the kernel can drop.
func availableMemory() (uint64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "MemAvailable:")
	var kib uint64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, fmt.Errorf("/proc/meminfo: MemAvailable: %w", err)
	}
	return kib << 10, nil
}
