package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// table measures all rows beside all works in turn, and prints the medians.
func (b *busy) table(rows []row) error {
	works := b.works()
	figures := map[[2]int][]side.Load{}
	fmt.Fprintf(os.Stderr, "load average %s\n", side.LoadAverage())
	for range b.rounds {
		for i, r := range rows {
			for j, w := range works {
				done, err := b.beside(r, w)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", r.name, w.name, err)
				}
				fmt.Fprintf(os.Stderr, "%s, %s: %+v; load average %s\n", r.name, w.name, done, side.LoadAverage())
				figures[[2]int{i, j}] = append(figures[[2]int{i, j}], done)
			}
		}
	}
	table := [][]string{{"downloads of", "beside", "requests/s", "p99", "p99.9", "rounds", "p99.9 / idle", "floor", "target"}}
	for i, r := range rows {
		for j, w := range works {
			table = append(table, busyRow(r, w, figures[[2]int{i, j}], figures[[2]int{i, 0}]))
		}
	}
	fmt.Printf("%s\nMachine: %s; load average after: %s. %d rounds of %s, %d connections, each resting %s on average.\n",
		side.Table(table), side.Machine(), side.LoadAverage(), b.rounds, b.time, b.clients, pause)
	return nil
}

// busyRow returns the row of w's figures, compared with those of an otherwise idle server.
func busyRow(r row, w work, figures, idle []side.Load) []string {
	late := func(l side.Load) float64 { return l.P999.Seconds() }
	of := func(loads []side.Load, value func(side.Load) float64) (values []float64) {
		for _, l := range loads {
			values = append(values, value(l))
		}
		return values
	}
	var rounds []string
	for _, l := range figures {
		rounds = append(rounds, ms(l.P999.Seconds()))
	}
	ratio, floor, target := "1", "", ""
	if w.command != nil {
		ratio, floor, target = fmt.Sprintf("%.1f", side.Median(of(figures, late))/side.Median(of(idle, late))), "10", "3"
	}
	return []string{r.name, w.name,
		fmt.Sprintf("%.0f", side.Median(of(figures, func(l side.Load) float64 { return float64(l.Requests) / l.Took.Seconds() }))),
		ms(side.Median(of(figures, func(l side.Load) float64 { return l.P99.Seconds() }))) + " ms",
		ms(side.Median(of(figures, late))) + " ms", strings.Join(rounds, ", "), ratio, floor, target}
}

func ms(seconds float64) string { return fmt.Sprintf("%.1f", seconds*1000) }
