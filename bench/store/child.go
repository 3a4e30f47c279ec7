package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// childCommand makes the program run a step of the scale table: fill, warm, cold-data, cold,
// bare, crash, open or compact. Its arguments are the folder, the number of torrents and their
// size.
const childCommand = "step"

// crashPuts is how many torrents are put before a kill -9. With torrents of mean size they are
// most of the 256 MiB by which an index may lag behind.
const crashPuts = 7000

// step is a child's work on a store.
type step struct {
	store    *diskstore.Store
	dir      string
	torrents uint64
	size     int
	report   report
}

func child(args []string) error {
	torrents, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	s := &step{dir: args[1], torrents: torrents, size: size}
	if err := s.cool(args[0]); err != nil {
		return err
	}
	begin := time.Now()
	// After a kill -9 the store logs its recovery, which is expected here.
	s.store, err = diskstore.Open(diskstore.Options{Dir: s.dir, Logger: slog.New(slog.DiscardHandler), CompactionRate: -1})
	if err != nil {
		return err
	}
	s.report.Open = time.Since(begin).Seconds()
	do := map[string]func() error{
		"fill": s.fill, warm: s.readWarm, coldData: s.readCold, cold: s.readCold, bare: s.readBare,
		"crash": s.crash, "open": func() error { return nil }, "compact": s.compact,
	}[args[0]]
	if do == nil {
		return fmt.Errorf("no step %q", args[0])
	}
	if err := do(); err != nil {
		return err
	}
	return s.finish()
}

// finish closes the store and writes the report.
func (s *step) finish() error {
	stats, err := s.store.Stats(context.Background())
	if err != nil {
		return err
	}
	s.report.Torrents = stats.Bytes
	if s.report.Memory, err = anonymousMemory(); err != nil {
		return err
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s.report.Heap = int64(memory.HeapAlloc)
	if err := s.store.Close(); err != nil {
		return err
	}
	if s.report.Disk, err = diskUsed(s.dir); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(s.report)
}

func (s *step) fill() error { return fill(s.store, 0, s.torrents, s.size) }

// fill puts torrents number from to to-1 in batches.
func fill(s *diskstore.Store, from, to uint64, size int) error {
	const batch, callers = 128, 4
	return each(callers, int((to-from+batch-1)/batch), func(i int) error {
		begin := from + uint64(i)*batch
		var list []store.Item
		for n := begin; n < min(begin+batch, to); n++ {
			list = append(list, item(n, size))
		}
		for _, r := range s.Put(context.Background(), list) {
			if r.Err != nil {
				return r.Err
			}
		}
		return nil
	})
}

// crash puts new torrents and kills the process.
func (s *step) crash() error {
	from := s.torrents + rand.Uint64N(1<<40)
	if err := fill(s.store, from, from+crashPuts, s.size); err != nil {
		return err
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// compact removes a tenth of the torrents and compacts the store.
func (s *step) compact() error {
	ids := make([]infohash.ID, s.torrents/10)
	for i := range ids {
		ids[i] = id(uint64(i) * 10)
	}
	for _, removed := range s.store.Remove(context.Background(), ids, store.Removal{}) {
		if removed.Err != nil {
			return removed.Err
		}
	}
	return s.store.Compact(context.Background())
}

// diskUsed returns the disk space of the files below dir, without the space that the last segment
// reserves for later puts.
func diskUsed(dir string) (total int64, err error) {
	segments, err := filepath.Glob(filepath.Join(dir, "segments", "*.segment"))
	if err != nil {
		return 0, err
	}
	last := slices.Max(segments)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if path == last {
			total += info.Size()
		} else {
			total += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	return total, err
}

// anonymousMemory returns the resident memory of the process without mapped files.
func anonymousMemory() (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "RssAnon: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("no RssAnon in /proc/self/status")
}
