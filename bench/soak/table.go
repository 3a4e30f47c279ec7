package main

import (
	"fmt"
	"slices"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// rows returns the table: the figures of the processes in the first and in the last quarter.
func (s *soak) rows() [][]string {
	rows := [][]string{{"what", "of", "first quarter, median", "most", "last quarter, median", "most", "medians, last / first"}}
	for _, p := range []*program{s.server, s.gateway} {
		for _, what := range []struct {
			name, format string
			of           func(sample) float64
		}{
			{"resident memory", "%.1f MB", func(s sample) float64 { return s.resident / 1e6 }},
			{"goroutines", "%.0f", func(s sample) float64 { return s.goroutines }},
			{"open segments", "%.0f", func(s sample) float64 { return s.segments }},
			{"other open descriptors", "%.0f", func(s sample) float64 { return s.descriptors }},
		} {
			values := make([]float64, len(p.samples))
			for i, at := range p.samples {
				values[i] = what.of(at)
			}
			quarter := (len(values) + 3) / 4
			first, last := values[:quarter], values[len(values)-quarter:]
			row := []string{what.name, p.name}
			for _, part := range [][]float64{first, last} {
				row = append(row, fmt.Sprintf(what.format, side.Median(part)), fmt.Sprintf(what.format, slices.Max(part)))
			}
			if slices.Max(values) > 0 { // a gateway has no segments
				rows = append(rows, append(row, fmt.Sprintf("%.2f", side.Median(last)/side.Median(first))))
			}
		}
	}
	return rows
}
