package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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
