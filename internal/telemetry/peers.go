package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// newBackendMetric tells of the servers behind a gateway; a server has none.
func newBackendMetric() prometheus.Gauge {
	return gauge("torrentcache_backend_serves", "1 while a server behind the gateway can serve, 0 while none can be asked or says so. The log says why.")
}

// BackendServes notes whether the servers behind a gateway can serve.
func (m *Metrics) BackendServes(does bool) {
	m.backendOnce.Do(func() { m.registry.MustRegister(m.backend) })
	m.backend.Set(0)
	if does {
		m.backend.Set(1)
	}
}

// newUpstreamMetrics cover what other caches are asked.
func newUpstreamMetrics() *prometheus.HistogramVec {
	return histogram("torrentcache_upstream_request_duration_seconds",
		"Duration of what other caches were asked, by upstream and outcome (docs/upstreams.md).", "upstream", "outcome")
}

// ObserveUpstream counts a torrent that an upstream was asked for. Upstream is one of those of
// the settings.
func (m *Metrics) ObserveUpstream(upstream, outcome string, took time.Duration) {
	m.upstream.WithLabelValues(upstream, outcome).Observe(took.Seconds())
}

// WatchUpstreams adds to the metrics what upstreams are asked, which of them answer, by name,
// and how many readers of torrents that were missing here were told what. Both functions are
// called at each scrape, several times, and always tell of the same names and results.
func (m *Metrics) WatchUpstreams(reachable func() map[string]bool, missed func() map[string]int64) {
	m.registry.MustRegister(m.upstream)
	for name := range reachable() {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "torrentcache_upstream_reachable", Help: "1 while the upstream answers, as far as is known.",
			ConstLabels: prometheus.Labels{"upstream": name},
		}, func() float64 {
			if reachable()[name] {
				return 1
			}
			return 0
		}))
	}
	for result := range missed() {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "torrentcache_upstream_misses_total", Help: "Reads of torrents that were missing here, by what the upstreams came to.",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 { return float64(missed()[result]) }))
	}
}

// MirrorStats is how far the following of another server is; counts are since the start.
type MirrorStats struct {
	Source string
	Paused bool
	Behind int64
	Lag    time.Duration

	Torrents, Removals, Refused, Wrong, LeftOut int64
}

// WatchMirrors adds the servers that are followed to the metrics. Stats is called at each scrape.
func (m *Metrics) WatchMirrors(stats func() []MirrorStats) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"source"}, labels...), nil)
	}
	m.registry.MustRegister(&mirrorCollector{
		stats:    stats,
		paused:   desc("torrentcache_mirror_paused", "1 while a mirror is stopped, since its source removed too many torrents in an hour."),
		behind:   desc("torrentcache_mirror_lag_changes", "Changes of a mirror's source that are not done here, as far as known."),
		lag:      desc("torrentcache_mirror_lag_seconds", "For how long a mirror has had something to do, or its source could not be heard."),
		removals: desc("torrentcache_mirror_removals_total", "Removals of a mirror's source that were made here."),
		torrents: desc("torrentcache_mirror_torrents_total", "Torrents of a mirror's source: stored, refused by the policy here, wrong, or left_out since the source could not give them.", "result"),
	})
}

type mirrorCollector struct {
	stats func() []MirrorStats

	paused, behind, lag, removals, torrents *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *mirrorCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.paused, c.behind, c.lag, c.removals, c.torrents} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (c *mirrorCollector) Collect(metrics chan<- prometheus.Metric) {
	for _, s := range c.stats() {
		tell := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
			metrics <- prometheus.MustNewConstMetric(d, kind, value, append([]string{s.Source}, labels...)...)
		}
		paused := 0.0
		if s.Paused {
			paused = 1
		}
		tell(c.paused, prometheus.GaugeValue, paused)
		tell(c.behind, prometheus.GaugeValue, float64(s.Behind))
		tell(c.lag, prometheus.GaugeValue, s.Lag.Seconds())
		tell(c.removals, prometheus.CounterValue, float64(s.Removals))
		tell(c.torrents, prometheus.CounterValue, float64(s.Torrents), "stored")
		tell(c.torrents, prometheus.CounterValue, float64(s.Refused), "refused")
		tell(c.torrents, prometheus.CounterValue, float64(s.Wrong), "wrong")
		tell(c.torrents, prometheus.CounterValue, float64(s.LeftOut), "left_out")
	}
}

// WatchRepairs adds to the metrics how many damaged or unreadable torrents were healed from other
// servers, and could not be. Counts is called at each scrape.
func (m *Metrics) WatchRepairs(counts func() (healed, failed int64)) {
	counter := func(name, help string, value func() int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	counter("torrentcache_repair_healed_total", "Damaged or unreadable torrents that were fetched from a mirror or an upstream and are whole again.",
		func() int64 { healed, _ := counts(); return healed })
	counter("torrentcache_repair_failed_total", "Tries to heal a torrent that no mirror and no upstream could give.",
		func() int64 { _, failed := counts(); return failed })
}

// newBucketMetrics cover the requests to an object store.
func newBucketMetrics() *prometheus.HistogramVec {
	return histogram("torrentcache_bucket_request_duration_seconds",
		"Duration of requests to the object store by kind (put, get, head, list, delete) and outcome (ok, absent, refused, full, failed, canceled).",
		"request", "outcome")
}

// ObserveBucket counts a request to the object store that has ended.
func (m *Metrics) ObserveBucket(request, outcome string, duration time.Duration) {
	m.bucket.WithLabelValues(request, outcome).Observe(duration.Seconds())
}

// WatchWanted adds how many torrents are wanted that are not here.
func (m *Metrics) WatchWanted(count func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "torrentcache_wanted_torrents", Help: "Torrents that readers miss and that are looked for.",
	}, func() float64 { return float64(count()) }))
}
