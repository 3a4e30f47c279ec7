package main

import (
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// head returns the head of the table. The ratio is that to the better of the two nginx. The
// column "rounds" has the smallest and the largest ratio of a round.
func head() []string {
	return []string{"download", "torrentcache", "nginx", "nginx, tcp_nopush", "the better", "ratio", "rounds", "floor", "target", "requests/s, ratio"}
}

// measure measures r and returns its line of the table.
func (b *bench) measure(r row) ([]string, error) {
	targets, err := b.targets(r)
	if err != nil {
		return nil, err
	}
	figures, err := side.Rounds(b.rounds, targets)
	if err != nil {
		return nil, err
	}
	product, nginx, nopush := figures[0], figures[1], figures[2]
	best, name := nginx, "plain"
	if r.compared(nopush.Round) < r.compared(nginx.Round) {
		best, name = nopush, "tcp_nopush"
	}
	least, most := r.spread(product, best)
	return []string{r.name, r.figure(product), r.figure(nginx), r.figure(nopush), name,
		fmt.Sprintf("%.2f", r.ratio(product.Round, best.Round)), fmt.Sprintf("%.2f-%.2f", least, most), r.floor, r.target,
		fmt.Sprintf("%.2f", product.PerSecond/best.PerSecond)}, nil
}

// compared returns the figure of a round that r compares; less is better.
func (r row) compared(of side.Round) time.Duration {
	if r.latency {
		return of.P99
	}
	return of.CPU
}

// ratio returns the ratio of a's figure to b's.
func (r row) ratio(a, b side.Round) float64 {
	return float64(r.compared(a)) / float64(r.compared(b))
}

// spread returns the smallest and the largest ratio of a to b in one round.
func (r row) spread(a, b side.Figures) (least, most float64) {
	for i := range a.Each {
		ratio := r.ratio(a.Each[i], b.Each[i])
		if i == 0 {
			least, most = ratio, ratio
		}
		least, most = min(least, ratio), max(most, ratio)
	}
	return least, most
}

// figure returns the figure that r compares, as text for the table.
func (r row) figure(of side.Figures) string {
	return fmt.Sprintf("%.2f us", float64(r.compared(of.Round))/float64(time.Microsecond))
}
