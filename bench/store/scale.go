package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// scaleRow is a row of the scale table.
type scaleRow struct {
	torrents int
	size     int // of each in bytes; 0: the sizes of real torrents
}

// report is the result of a child process.
type report struct {
	Open     float64 // seconds
	P50, P99 float64 // of a get, in seconds
	Reads    float64 // reads of the device per get
	Read     float64 // bytes read from the device per get
	Memory   int64   // resident at the end without mapped files, in bytes
	Heap     int64   // part of Memory that Go's heap uses at the end, in bytes
	Torrents int64   // bytes
	Disk     int64   // bytes of disk space that the store's files take
}

// filledStore is the store of a row while it is measured.
type filledStore struct {
	scaleRow
	dir     string
	filled  report
	filling time.Duration
	gets    map[string][]report // one report of each round, by step
}

// scaleTable measures stores of each size. Each step is a process of its own, so that its memory
// can be measured and kill -9 can end it. The gets of all stores are measured in turn.
func scaleTable(o options) error {
	if len(o.scale) == 0 {
		return nil
	}
	var stores []*filledStore
	for i, row := range o.scale {
		s := &filledStore{scaleRow: row, dir: filepath.Join(o.dir, fmt.Sprint("scale-", i)), gets: map[string][]report{}}
		defer os.RemoveAll(s.dir)
		if err := s.fill(); err != nil {
			return err
		}
		stores = append(stores, s)
	}
	for range o.rounds {
		for _, step := range []string{warm, coldData, cold, bare} {
			for _, s := range stores {
				r, err := s.run(step)
				if err != nil {
					return err
				}
				s.gets[step] = append(s.gets[step], r)
				fmt.Fprintf(os.Stderr, "%s, gets, %s: %+v; load average %s\n", s, step, r, side.LoadAverage())
			}
		}
	}
	fmt.Println(side.Table(getRows(stores)))
	rows := [][]string{{"torrents", "filled at", "open, clean", "open after kill -9", "open without index", "memory",
		"disk per torrent", "/ its bytes", "after removing a tenth and compaction"}}
	for _, s := range stores {
		cells, err := s.measure(o)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, strings.Join(cells, " | "))
		rows = append(rows, cells)
	}
	fmt.Println(side.Table(rows))
	fmt.Printf("load average after: %s\n", side.LoadAverage())
	return nil
}

func (s *filledStore) fill() (err error) {
	begin := time.Now()
	s.filled, err = s.run("fill")
	s.filling = time.Since(begin)
	fmt.Fprintf(os.Stderr, "%s filled in %s; load average %s\n", s, s.filling.Round(time.Second), side.LoadAverage())
	return err
}

// measure measures everything but gets, and deletes the store.
func (s *filledStore) measure(o options) ([]string, error) {
	var opens, crashes []float64
	for _, r := range s.gets[warm] {
		opens = append(opens, r.Open)
	}
	for range o.rounds { // after the gets, because each crash leaves torrents behind
		after, err := s.openAfterCrash()
		if err != nil {
			return nil, err
		}
		crashes = append(crashes, after)
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "index")); err != nil {
		return nil, err
	}
	rebuilt, err := s.run("open")
	if err != nil {
		return nil, err
	}
	compacted, err := s.run("compact")
	if err != nil {
		return nil, err
	}
	last, n := s.gets[warm][o.rounds-1], int64(s.torrents)
	return []string{
		s.String(),
		fmt.Sprintf("%.0f MB/s", float64(s.filled.Torrents)/s.filling.Seconds()/1e6),
		seconds(side.Median(opens)), seconds(side.Median(crashes)), seconds(rebuilt.Open),
		fmt.Sprintf("%d MB (heap %d MB)", last.Memory/1e6, last.Heap/1e6),
		fmt.Sprintf("%d B", s.filled.Disk/n), fmt.Sprintf("%.3f", float64(s.filled.Disk)/float64(s.filled.Torrents)),
		fmt.Sprintf("%.3f", float64(compacted.Disk)/float64(compacted.Torrents)),
	}, os.RemoveAll(s.dir)
}

// openAfterCrash returns the seconds that opening takes after a crash.
func (s *filledStore) openAfterCrash() (float64, error) {
	if _, err := s.run("crash"); err != nil {
		return 0, err
	}
	after, err := s.run("open")
	return after.Open, err
}

func (row scaleRow) String() string {
	if row.size == 0 {
		return fmt.Sprint(row.torrents)
	}
	return fmt.Sprintf("%d of %d B", row.torrents, row.size)
}

func seconds(s float64) string {
	if s < 0.001 {
		return fmt.Sprintf("%.0f us", s*1e6)
	}
	if s < 1 {
		return fmt.Sprintf("%.1f ms", s*1e3)
	}
	return fmt.Sprintf("%.1f s", s)
}

// run runs a step in a process of its own. A step that kills itself has no report.
func (s *filledStore) run(step string) (report, error) {
	self, err := os.Executable()
	if err != nil {
		return report{}, err
	}
	cmd := exec.Command(self, childCommand, step, s.dir, fmt.Sprint(s.torrents), fmt.Sprint(s.size))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL && step == "crash" {
		return report{}, nil
	}
	if err != nil {
		return report{}, fmt.Errorf("%s: %w", step, err)
	}
	var r report
	return r, json.Unmarshal(out.Bytes(), &r)
}
