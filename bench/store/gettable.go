package main

import (
	"fmt"
	"slices"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// getRows returns the table of gets. For each store and each state of the memory it has the
// device reads, the times, and the ratio of the p99 to that of the first store with torrents of
// the same size.
func getRows(stores []*filledStore) [][]string {
	rows := [][]string{{"torrents", "in memory before", "device reads per get", "bytes read per get", "p50", "p99", "p99 / that of the first"}}
	for _, step := range []struct{ key, name string }{{warm, "index and torrents"}, {coldData, "the index"}, {cold, "nothing"}, {bare, "nothing; a bare read"}} {
		for _, s := range stores {
			first := stores[slices.IndexFunc(stores, func(other *filledStore) bool { return other.size == s.size })]
			reads, read := "-", "-"
			if step.key != warm {
				// The reads of other programs count as well, so the minimum is the best estimate.
				reads = fmt.Sprintf("%.2f", slices.Min(s.column(step.key, func(r report) float64 { return r.Reads })))
				read = fmt.Sprintf("%.0f", side.Median(s.column(step.key, func(r report) float64 { return r.Read })))
			}
			p50 := func(r report) float64 { return r.P50 }
			p99 := func(r report) float64 { return r.P99 }
			ratio := side.Median(s.column(step.key, p99)) / side.Median(first.column(step.key, p99))
			rows = append(rows, []string{s.String(), step.name, reads, read, seconds(side.Median(s.column(step.key, p50))),
				seconds(side.Median(s.column(step.key, p99))), fmt.Sprintf("%.2f", ratio)})
		}
	}
	return rows
}

// column returns one figure of each round of a step.
func (s *filledStore) column(step string, of func(report) float64) []float64 {
	var column []float64
	for _, r := range s.gets[step] {
		column = append(column, of(r))
	}
	return column
}
