package telemetry

import "github.com/prometheus/client_golang/prometheus"

// LimitStats is what is under way, and what was refused since the start.
type LimitStats struct {
	Connections, Uploads, Streams int
	UploadBytes                   int64            // held for uploads in flight
	MemoryBytes                   int64            // held for everything that the budget bounds
	Refused                       map[string]int64 // by limit; always the same ones
}

// WatchLimits adds the limits to the metrics. Stats is called at each scrape,
// several times.
func (m *Metrics) WatchLimits(stats func() LimitStats) {
	gauge := func(name, help string, value func(LimitStats) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return value(stats()) }))
	}
	gauge("torrentcache_connections", "Connections open to the public listeners.", func(s LimitStats) float64 { return float64(s.Connections) })
	gauge("torrentcache_uploads_in_flight", "Uploads under way, from their first byte to their answer.", func(s LimitStats) float64 { return float64(s.Uploads) })
	gauge("torrentcache_upload_memory_bytes", "Memory held for uploads under way.", func(s LimitStats) float64 { return float64(s.UploadBytes) })
	gauge("torrentcache_memory_in_use_bytes", "Memory held for what callers do: connections, calls, uploads, and answers that were not taken yet.", func(s LimitStats) float64 { return float64(s.MemoryBytes) })
	gauge("torrentcache_streams", "Streams of CacheTorrents and SyncService that are open.", func(s LimitStats) float64 { return float64(s.Streams) })
	for limit := range stats().Refused {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "torrentcache_refusals_total", Help: "What was refused or cut off, by the limit (docs/limits.md).",
			ConstLabels: prometheus.Labels{"limit": limit},
		}, func() float64 { return float64(stats().Refused[limit]) }))
	}
}
