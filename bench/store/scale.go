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

// scaleRow is a row of the table of scale.
type scaleRow struct {
	torrents int
	size     int // of each in bytes; 0 is as real ones
}

// report is what a child process found out.
type report struct {
	Open     float64 // seconds
	P50, P99 float64 // of a get, in seconds
	Memory   int64   // resident at the end, without what files are mapped, in bytes
	Heap     int64   // of it in use by Go at the end, in bytes
	Torrents int64   // bytes
	Disk     int64   // bytes that the store's files take, as the file system says
}

// scaleTable measures stores of each size. Each step is a process of its own, so
// that its memory is its own and its end can be a kill -9.
func scaleTable(o options) error {
	rows := [][]string{{"torrents", "filled at", "open, clean", "open after kill -9", "open without index", "memory", "get p50", "get p99",
		"disk per torrent", "/ its bytes", "after removing a tenth and compaction"}}
	for _, row := range o.scale {
		cells, err := row.measure(o)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, strings.Join(cells, " | "))
		rows = append(rows, cells)
	}
	if len(rows) > 1 {
		fmt.Println(side.Table(rows))
	}
	return nil
}

func (row scaleRow) measure(o options) ([]string, error) {
	dir := filepath.Join(o.dir, "scale")
	defer os.RemoveAll(dir)
	run := func(step string) (report, error) { return runChild(step, dir, row) }
	begin := time.Now()
	filled, err := run("fill")
	if err != nil {
		return nil, err
	}
	filling := time.Since(begin)
	var opens, crashes, p50, p99 []float64
	var last report
	for range o.rounds {
		if last, err = run("read"); err != nil {
			return nil, err
		}
		opens, p50, p99 = append(opens, last.Open), append(p50, last.P50), append(p99, last.P99)
	}
	for range o.rounds { // afterwards, for each leaves torrents behind
		after, err := openAfterCrash(run)
		if err != nil {
			return nil, err
		}
		crashes = append(crashes, after)
	}
	if err := os.RemoveAll(filepath.Join(dir, "index")); err != nil {
		return nil, err
	}
	rebuilt, err := run("open")
	if err != nil {
		return nil, err
	}
	compacted, err := run("compact")
	if err != nil {
		return nil, err
	}
	n := int64(row.torrents)
	return []string{
		row.String(),
		fmt.Sprintf("%.0f MB/s", float64(filled.Torrents)/filling.Seconds()/1e6),
		seconds(side.Median(opens)), seconds(side.Median(crashes)), seconds(rebuilt.Open),
		fmt.Sprintf("%d MB (heap %d MB)", last.Memory/1e6, last.Heap/1e6),
		seconds(side.Median(p50)), seconds(side.Median(p99)),
		fmt.Sprintf("%d B", filled.Disk/n), fmt.Sprintf("%.3f", float64(filled.Disk)/float64(filled.Torrents)),
		fmt.Sprintf("%.3f", float64(compacted.Disk)/float64(compacted.Torrents)),
	}, nil
}

// openAfterCrash returns how long opening takes after a crash.
func openAfterCrash(run func(step string) (report, error)) (float64, error) {
	if _, err := run("crash"); err != nil {
		return 0, err
	}
	after, err := run("open")
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

// runChild runs a step in a process of its own. One that kills itself has no report.
func runChild(step, dir string, row scaleRow) (report, error) {
	self, err := os.Executable()
	if err != nil {
		return report{}, err
	}
	cmd := exec.Command(self, childCommand, step, dir, fmt.Sprint(row.torrents), fmt.Sprint(row.size))
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
