package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// LocalCacheStats is what the cache on disk before a bucket holds, and did since it
// was opened.
type LocalCacheStats struct {
	Hits, Stale, Misses int64 // reads
	Torrents, Bytes     int64
	Usable              bool // whether its disk serves
}

// WatchLocalCache adds the cache on disk to the metrics. Stats is called at each
// scrape, several times.
func (m *Metrics) WatchLocalCache(stats func(context.Context) LocalCacheStats) {
	now := func() LocalCacheStats {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
		defer cancel()
		return stats(ctx)
	}
	lookup := func(result string, value func(LocalCacheStats) int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "torrentcache_local_cache_lookups_total",
			Help:        "Torrents asked of the local cache before the bucket; stale ones were answered because the bucket could not be reached.",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 { return float64(value(now())) }))
	}
	gauge := func(name, help string, value func(LocalCacheStats) float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(now()) }))
	}
	lookup("hit", func(s LocalCacheStats) int64 { return s.Hits })
	lookup("stale", func(s LocalCacheStats) int64 { return s.Stale })
	lookup("miss", func(s LocalCacheStats) int64 { return s.Misses })
	gauge("torrentcache_local_cache_torrents", "Torrents in the local cache.", func(s LocalCacheStats) float64 { return float64(s.Torrents) })
	gauge("torrentcache_local_cache_bytes", "Disk space that the local cache takes.", func(s LocalCacheStats) float64 { return float64(s.Bytes) })
	gauge("torrentcache_local_cache_usable", "1 while the local cache's disk serves, 0 while all reads go to the bucket.", func(s LocalCacheStats) float64 {
		if s.Usable {
			return 1
		}
		return 0
	})
}
