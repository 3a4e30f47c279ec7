package side

import (
	"fmt"
	"time"
)

// Load is the result of one load of a server.
type Load struct {
	Requests int // answered
	Took     time.Duration
	P99      time.Duration // 99 of 100 answers took no longer; 0 if not measured
	P999     time.Duration // 999 of 1000
}

// Target is a server under load.
type Target struct {
	Name string
	// Run loads the server once.
	Run func() (Load, error)
	// Process is the process whose CPU time is measured.
	Process *Process
}

// Round is the result of one round of one target.
type Round struct {
	CPU       time.Duration // of the server, per request
	PerSecond float64       // requests
	P99       time.Duration // as in [Load]
}

// Figures are the medians of the rounds of one target.
type Figures struct {
	Round
	Each []Round // in order
}

// Rounds loads the targets in turn, rounds times, so that other load on the machine affects all
// of them. It returns their figures in order.
func Rounds(rounds int, targets []Target) ([]Figures, error) {
	figures := make([]Figures, len(targets))
	for range rounds {
		for i, t := range targets {
			r, err := round(t)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.Name, err)
			}
			figures[i].Each = append(figures[i].Each, r)
		}
	}
	for i := range figures {
		figures[i].Round = medians(figures[i].Each)
	}
	return figures, nil
}

// round loads t once.
func round(t Target) (Round, error) {
	before, err := t.Process.CPU()
	if err != nil {
		return Round{}, err
	}
	load, err := t.Run()
	if err != nil {
		return Round{}, err
	}
	after, err := t.Process.CPU()
	if err != nil {
		return Round{}, err
	}
	return Round{
		CPU:       (after - before) / time.Duration(max(load.Requests, 1)),
		PerSecond: float64(load.Requests) / load.Took.Seconds(),
		P99:       load.P99,
	}, nil
}

func medians(rounds []Round) Round {
	var cpu, rate, p99 []float64
	for _, r := range rounds {
		cpu = append(cpu, float64(r.CPU))
		rate = append(rate, r.PerSecond)
		p99 = append(p99, float64(r.P99))
	}
	return Round{CPU: time.Duration(Median(cpu)), PerSecond: Median(rate), P99: time.Duration(Median(p99))}
}
