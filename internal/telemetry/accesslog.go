package telemetry

import "github.com/prometheus/client_golang/prometheus"

// WatchAccessLog adds to the metrics how many lines of the access log were left out. Dropped is
// called at each scrape.
func (m *Metrics) WatchAccessLog(dropped func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "torrentcache_access_log_dropped_total",
		Help: "Requests that the access log leaves out, because too many lines waited or its file could not be written.",
	}, func() float64 { return float64(dropped()) }))
}
