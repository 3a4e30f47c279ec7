package telemetry

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// httpMetrics cover the HTTP doors.
type httpMetrics struct {
	duration *prometheus.HistogramVec
	in, out  *prometheus.CounterVec
	errors   *prometheus.CounterVec
	current  prometheus.Gauge
}

func newHTTPMetrics() httpMetrics {
	return httpMetrics{
		duration: histogram("torrentcache_http_request_duration_seconds", "Duration of HTTP requests by door and status code.", "door", "code"),
		in:       counter("torrentcache_http_received_bytes_total", "Bytes of the bodies received.", "door"),
		out:      counter("torrentcache_http_sent_bytes_total", "Bytes of the bodies sent.", "door"),
		errors:   counter("torrentcache_http_errors_total", "HTTP requests that were refused or failed by door and reason; without those whose client left.", "door", "reason"),
		current: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "torrentcache_http_requests_in_flight", Help: "HTTP requests being served now.",
		}),
	}
}

func (h httpMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{h.duration, h.in, h.out, h.errors, h.current}
}

// HTTPBegan notes that an HTTP request has come.
func (m *Metrics) HTTPBegan() { m.http.current.Inc() }

// HTTPEnded counts an HTTP request of a door that was answered with a status. Failed is why it
// was refused; "" if it was not, or its client left. In and out are bytes of the bodies.
func (m *Metrics) HTTPEnded(door string, status int, failed reason.Reason, duration time.Duration, in, out int64) {
	m.http.current.Dec()
	if failed != "" {
		m.http.errors.WithLabelValues(door, outcome.Label(failed)).Inc()
	}
	m.http.duration.WithLabelValues(door, strconv.Itoa(status)).Observe(duration.Seconds())
	m.http.in.WithLabelValues(door).Add(float64(in))
	m.http.out.WithLabelValues(door).Add(float64(out))
}

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

// WatchCertificate adds to the metrics when the TLS certificate ends, and whether an authority
// refuses to give one. Both are called at each scrape; while the end is not known its metric is
// absent.
func (m *Metrics) WatchCertificate(end func() (time.Time, bool), refused func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "torrentcache_certificate_refused",
		Help: "1 if the authority (--acme) gave no certificate when it was last asked, so that no client can connect by TLS.",
	}, func() float64 {
		if refused() {
			return 1
		}
		return 0
	}))
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

// WatchAccessLog adds to the metrics how many lines of the access log were left out. Dropped is
// called at each scrape.
func (m *Metrics) WatchAccessLog(dropped func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "torrentcache_access_log_dropped_total",
		Help: "Requests that the access log leaves out, because too many lines waited or its file could not be written.",
	}, func() float64 { return float64(dropped()) }))
}
