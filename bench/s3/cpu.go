package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// part is processes whose CPU time is told together. Without any, that is not known.
type part struct {
	name string
	pids []int
}

// enginePart is the daemons of test/s3-engine in a folder.
func enginePart(home string) (part, error) {
	p := part{name: "engine"}
	files, err := filepath.Glob(filepath.Join(home, "run", "*.pid"))
	if err != nil {
		return p, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return p, err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return p, err
		}
		p.pids = append(p.pids, pid)
	}
	return p, nil
}

// cpu returns what the part has spent.
func (p part) cpu() (total time.Duration, err error) {
	for _, pid := range p.pids {
		spent, err := side.CPUOf(pid)
		if err != nil {
			return 0, err
		}
		total += spent
	}
	return total, nil
}

// loadWatched is load, and returns what each part spent on a request, in milliseconds.
func loadWatched(o options, t target, kind string, parts []part) (rate float64, spent []float64, err error) {
	run, err := prepare(o, t, kind)
	if err != nil {
		return 0, nil, err
	}
	before := make([]time.Duration, len(parts))
	for i, p := range parts {
		if before[i], err = p.cpu(); err != nil {
			return 0, nil, err
		}
	}
	calls, took, err := spread(o, run)
	if err != nil {
		return 0, nil, err
	}
	for i, p := range parts {
		after, err := p.cpu()
		if err != nil {
			return 0, nil, err
		}
		spent = append(spent, (after-before[i]).Seconds()*1000/float64(max(calls, 1)))
	}
	return float64(calls) / took.Seconds(), spent, nil
}

// medianOf is the median of the rounds for one part; a dash if it is not known.
func medianOf(rounds [][]float64, part int) string {
	var values []float64
	for _, r := range rounds {
		values = append(values, r[part])
	}
	if m := side.Median(values); m > 0 {
		return fmt.Sprintf("%.2f", m)
	}
	return "–"
}
