package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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
