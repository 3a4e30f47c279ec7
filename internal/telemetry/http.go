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
