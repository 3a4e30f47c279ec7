package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// part is a group of processes whose CPU time is reported as one figure.
type part struct {
	name string
	pids []int
}

// enginePart returns the daemons of test/s3-engine in a folder.
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

// cpu returns the CPU time that the part has used.
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

// watched are the parts of the system. An engine that was already running is not one of them.
type watched []part

// cpu returns the CPU time of each part, followed by that of the rest of the machine.
func (w watched) cpu() ([]time.Duration, error) {
	rest, err := side.MachineCPU()
	if err != nil {
		return nil, err
	}
	var spent []time.Duration
	for _, p := range w {
		cpu, err := p.cpu()
		if err != nil {
			return nil, err
		}
		spent, rest = append(spent, cpu), rest-cpu
	}
	return append(spent, rest), nil
}

// figures are the results of one target in one round.
type figures struct {
	rate  float64   // requests a second
	spent []float64 // CPU time of each part and of the rest, in milliseconds a request
	idle  float64   // idle CPU time of the machine, in percent
}

// loadWatched loads a target for a round, and returns its figures.
func loadWatched(o options, t target, kind string, parts watched) (figures, error) {
	run, err := prepare(o, t, kind)
	if err != nil {
		return figures{}, err
	}
	before, err := parts.cpu()
	if err != nil {
		return figures{}, err
	}
	calls, took, err := spread(o, run)
	if err != nil {
		return figures{}, err
	}
	after, err := parts.cpu()
	if err != nil {
		return figures{}, err
	}
	f := figures{rate: float64(calls) / took.Seconds(), idle: 100}
	for i := range after {
		spent := (after[i] - before[i]).Seconds()
		f.spent = append(f.spent, spent*1000/float64(max(calls, 1)))
		f.idle -= 100 * spent / took.Seconds() / float64(runtime.NumCPU())
	}
	return f, nil
}

// median returns the median over rounds of the figure that tell selects.
func median(rounds []figures, tell func(figures) float64) float64 {
	var values []float64
	for _, f := range rounds {
		values = append(values, tell(f))
	}
	return side.Median(values)
}
