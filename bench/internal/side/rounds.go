package side

import (
	"fmt"
	"time"
)

// Target is a server under load.
type Target struct {
	Name string
	// Run loads it once and returns how many requests it answered in what time.
	Run func() (requests int, took time.Duration, err error)
	// Process is what spends the CPU time.
	Process *Process
}

// Figures are the medians of the rounds of one target.
type Figures struct {
	CPU       time.Duration // of the server, per request
	PerSecond float64       // requests
}

// Rounds loads the targets in turn, rounds times, so that what happens to the
// machine meanwhile happens to all of them, and returns the medians in order.
func Rounds(rounds int, targets []Target) ([]Figures, error) {
	cpu := make([][]float64, len(targets))
	rate := make([][]float64, len(targets))
	for range rounds {
		for i, t := range targets {
			before, err := t.Process.CPU()
			if err != nil {
				return nil, err
			}
			requests, took, err := t.Run()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.Name, err)
			}
			after, err := t.Process.CPU()
			if err != nil {
				return nil, err
			}
			cpu[i] = append(cpu[i], float64(after-before)/float64(max(requests, 1)))
			rate[i] = append(rate[i], float64(requests)/took.Seconds())
		}
	}
	figures := make([]Figures, len(targets))
	for i := range targets {
		figures[i] = Figures{CPU: time.Duration(Median(cpu[i])), PerSecond: Median(rate[i])}
	}
	return figures, nil
}
