package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// mapsEach is how many files one process maps. Linux allows a process 65,530 mappings.
const mapsEach = 50_000

// hold locks the product's segments and the peers' files in memory, for a row whose torrents
// exceed the product's cache. Without it the row would compare page caches: the two nginx share
// files and keep them warm for each other, while the product alone reads its segments. Some
// kernels also drop pages that were unused for half a minute, however much memory is free.
func (b *bench) hold() error {
	if b.held {
		return nil
	}
	segments, err := filepath.Glob(filepath.Join(b.dir, "store", "segments", "*"))
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(b.dir, "files", "torrent", "*"))
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	n := 0
	for part := range slices.Chunk(append(segments, files...), mapsEach) {
		list := filepath.Join(b.dir, fmt.Sprintf("held-%d", n))
		if err := os.WriteFile(list, []byte(strings.Join(part, "\n")), 0o644); err != nil {
			return err
		}
		log := list + ".log"
		p, err := side.Start("1", log, self, "hold", list)
		if err != nil {
			return err
		}
		b.holders = append(b.holders, p)
		if err := awaitHeld(log); err != nil {
			return err
		}
		n++
	}
	b.held = true
	return nil
}

// awaitHeld waits until a holder reports that it holds its files.
func awaitHeld(log string) error {
	for range 6000 {
		if text, err := os.ReadFile(log); err == nil && strings.HasSuffix(string(text), "\n") {
			if string(text) == holding {
				return nil
			}
			return fmt.Errorf("locking files in memory: %s", text)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("locking files in memory takes too long; see %s", log)
}

// holding is the line that a holder prints when it holds its files.
const holding = "holding\n"

// holdFiles locks the files named in the file list in memory until the process is killed.
func holdFiles(list string) error {
	in, err := os.Open(list)
	if err != nil {
		return err
	}
	defer in.Close()
	for names := bufio.NewScanner(in); names.Scan(); {
		if err := lock(names.Text()); err != nil {
			return fmt.Errorf("%s: %w; it takes root, or a limit of locked memory (ulimit -l), and memory for all torrents twice: -distinct for fewer", names.Text(), err)
		}
	}
	fmt.Print(holding)
	return unix.Pause()
}

func lock(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	return unix.Mlock(b)
}
