package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DenyStats is what the deny lists in force hold, and did.
type DenyStats struct {
	Entries  int64
	LastRead time.Time
	Hits     int64
}

// WatchDenyLists adds the deny lists to the metrics. Stats is called at each scrape,
// several times.
func (m *Metrics) WatchDenyLists(stats func() DenyStats) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "torrentcache_deny_list_entries", Help: "Hashes in the deny lists in force.",
		}, func() float64 { return float64(stats().Entries) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "torrentcache_deny_list_read_timestamp_seconds", Help: "When a deny list was last read and put in force.",
		}, func() float64 { return float64(stats().LastRead.UnixMilli()) / 1000 }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "torrentcache_deny_list_hits_total", Help: "Reads and uploads that were refused because a deny list names the torrent.",
		}, func() float64 { return float64(stats().Hits) }),
	)
}
