package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// CacheStats is what the hot cache holds and did since it began, and what was
// answered from it ahead of all else. The answers on the fast path are in none of
// the metrics of HTTP requests.
type CacheStats struct {
	Hits, Misses   int64 // torrents asked for by the doors
	Entries, Bytes int64
	FastFound      int64 // downloads answered on the fast path
	FastAbsent     int64 // 404s answered on the fast path
	FastBytes      int64 // sent on the fast path, headers included except by HTTP/2
}

// WatchCache adds the hot cache and the fast path to the metrics. Stats is called
// at each scrape, several times.
func (m *Metrics) WatchCache(stats func() CacheStats) {
	counter := func(name, help string, labels prometheus.Labels, value func(CacheStats) int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value(stats())) }))
	}
	gauge := func(name, help string, value func(CacheStats) int64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(value(stats())) }))
	}
	const lookups, lookupsHelp = "torrentcache_cache_lookups_total", "Torrents asked of the hot cache by the doors."
	counter(lookups, lookupsHelp, prometheus.Labels{"result": "hit"}, func(s CacheStats) int64 { return s.Hits })
	counter(lookups, lookupsHelp, prometheus.Labels{"result": "miss"}, func(s CacheStats) int64 { return s.Misses })
	gauge("torrentcache_cache_entries", "Torrents and absent ids in the hot cache.", func(s CacheStats) int64 { return s.Entries })
	gauge("torrentcache_cache_bytes", "Memory that the hot cache takes.", func(s CacheStats) int64 { return s.Bytes })
	const fast, fastHelp = "torrentcache_fast_path_requests_total", "Downloads answered on the fast path, which the metrics of HTTP requests leave out."
	counter(fast, fastHelp, prometheus.Labels{"code": "200"}, func(s CacheStats) int64 { return s.FastFound })
	counter(fast, fastHelp, prometheus.Labels{"code": "404"}, func(s CacheStats) int64 { return s.FastAbsent })
	counter("torrentcache_fast_path_sent_bytes_total", "Bytes sent on the fast path, headers included except by HTTP/2.", nil, func(s CacheStats) int64 { return s.FastBytes })
}

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
