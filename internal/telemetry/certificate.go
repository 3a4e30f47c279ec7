package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchCertificate adds to the metrics when the TLS certificate ends. End is called at each
// scrape; while it does not know the metric is absent.
func (m *Metrics) WatchCertificate(end func() (time.Time, bool)) {
	m.registry.MustRegister(&certificateCollector{end, prometheus.NewDesc("torrentcache_certificate_end_timestamp_seconds",
		"When the TLS certificate in force ends, or the first of those that go with it, Unix time.", nil, nil)})
}

type certificateCollector struct {
	end  func() (time.Time, bool)
	desc *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *certificateCollector) Describe(descs chan<- *prometheus.Desc) { descs <- c.desc }

// Collect implements prometheus.Collector.
func (c *certificateCollector) Collect(metrics chan<- prometheus.Metric) {
	if end, known := c.end(); known {
		metrics <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(end.Unix()))
	}
}
