// Package telemetry provides the program's metrics for Prometheus ([Metrics]) and its logger
// ([NewLogger]).
//
// Every label has a bounded set of values. An info hash or a client's address is never a label. The
// log contains no client addresses either.
package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// latencyBuckets are in seconds. A download from memory takes well under a millisecond, a durable
// upload a few milliseconds, and a request of a slow client minutes.
var latencyBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}

// Metrics holds the program's metrics in a registry of its own. It is safe for
// concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	make     promauto.Factory // registers the metrics that it makes

	rpc      requests // calls by method, from the network and in process
	http     requests // HTTP requests by door
	inFlight prometheus.Gauge
	bucket   *prometheus.HistogramVec
	store    storeMetrics
}

// Build identifies the running build, for the metric torrentcache_build_info.
type Build struct{ Version, Revision, Go string }

// NewMetrics returns Metrics that also cover the Go runtime and the process.
func NewMetrics(build Build) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.make = promauto.With(m.registry)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.watch(func(s samples) {
		s.gauge("torrentcache_build_info", "1, labelled with the build that runs.", 1, "version", build.Version, "revision", build.Revision, "goversion", build.Go)
	})
	m.rpc = requests{
		duration: m.histogram("torrentcache_rpc_duration_seconds", "Duration of calls by method and gRPC code, those of the HTTP doors included.", "method", "code"),
		in:       m.counter("torrentcache_rpc_received_bytes_total", "Bytes of the messages received in calls.", "method"),
		out:      m.counter("torrentcache_rpc_sent_bytes_total", "Bytes of the messages sent in calls.", "method"),
		errors:   m.counter("torrentcache_rpc_errors_total", "Calls that failed by method and reason, and items that failed of calls for many, those of the HTTP doors included; without those whose client left.", "method", "reason"),
	}
	m.http = requests{
		duration: m.histogram("torrentcache_http_request_duration_seconds", "Duration of HTTP requests by door and status code.", "door", "code"),
		in:       m.counter("torrentcache_http_received_bytes_total", "Bytes of the bodies received.", "door"),
		out:      m.counter("torrentcache_http_sent_bytes_total", "Bytes of the bodies sent.", "door"),
		errors:   m.counter("torrentcache_http_errors_total", "HTTP requests that were refused or failed by door and reason; without those whose client left.", "door", "reason"),
	}
	m.inFlight = m.gauge("torrentcache_http_requests_in_flight", "HTTP requests being served now.")
	m.bucket = m.histogram("torrentcache_bucket_request_duration_seconds",
		"Duration of requests to the object store by kind (put, get, head, list, delete) and outcome (ok, absent, refused, full, failed, canceled).",
		"request", "outcome")
	m.store = m.newStoreMetrics()
	return m
}

// Handler serves the metrics to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

func (m *Metrics) gauge(name, help string) prometheus.Gauge {
	return m.make.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	return m.make.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func (m *Metrics) histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return m.make.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencyBuckets}, labels)
}

// watch adds metrics that tell produces at each scrape.
func (m *Metrics) watch(tell func(samples)) { m.registry.MustRegister(watched(tell)) }

// watched is a [prometheus.Collector] that describes no metrics in advance. Which metrics exist is
// known at each scrape.
type watched func(samples)

// Describe implements [prometheus.Collector].
func (watched) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (w watched) Collect(metrics chan<- prometheus.Metric) { w(samples(metrics)) }

// samples receives the metrics of one scrape. Labels are pairs of a name and a value.
type samples chan<- prometheus.Metric

func (s samples) gauge(name, help string, value float64, labels ...string) {
	s.tell(prometheus.GaugeValue, name, help, value, labels)
}

func (s samples) counter(name, help string, value int64, labels ...string) {
	s.tell(prometheus.CounterValue, name, help, float64(value), labels)
}

func (s samples) tell(kind prometheus.ValueType, name, help string, value float64, labels []string) {
	pairs := prometheus.Labels{}
	for i := 0; i < len(labels); i += 2 {
		pairs[labels[i]] = labels[i+1]
	}
	s <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, pairs), kind, value)
}

// number returns 1 for true and 0 for false.
func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// requests are the metrics of calls by method, or of HTTP requests by door.
type requests struct {
	duration        *prometheus.HistogramVec
	in, out, errors *prometheus.CounterVec
}

// ended counts a request that has ended. Failed is the reason of its failure; "" if it did not
// fail.
func (r requests) ended(of, code string, failed reason.Reason, duration time.Duration, in, out int64) {
	if failed != "" {
		r.failed(of, failed)
	}
	r.duration.WithLabelValues(of, code).Observe(duration.Seconds())
	r.in.WithLabelValues(of).Add(float64(in))
	r.out.WithLabelValues(of).Add(float64(out))
}

func (r requests) failed(of string, why reason.Reason) {
	r.errors.WithLabelValues(of, outcome.Label(why)).Inc()
}

// HTTPBegan notes that an HTTP request has arrived.
func (m *Metrics) HTTPBegan() { m.inFlight.Inc() }

// HTTPEnded counts an HTTP request that a door answered with status. Failed is the reason of its
// refusal; "" if it was not refused, or its client left. In and out are bytes of the bodies.
func (m *Metrics) HTTPEnded(door string, status int, failed reason.Reason, duration time.Duration, in, out int64) {
	m.inFlight.Dec()
	m.http.ended(door, strconv.Itoa(status), failed, duration, in, out)
}

// ObserveRPC counts a call that has ended. Method is the full name of a registered method, and code
// the name of a gRPC code. Failed is the reason of its failure; "" if it did not fail, or its
// client left.
func (m *Metrics) ObserveRPC(method, code string, failed reason.Reason, duration time.Duration, in, out int) {
	m.rpc.ended(method, code, failed, duration, int64(in), int64(out))
}

// ItemFailed counts a failed item of a call with many items. Method is as for [Metrics.ObserveRPC].
func (m *Metrics) ItemFailed(method string, why reason.Reason) { m.rpc.failed(method, why) }

// ObserveBucket counts a request to the object store that has ended.
func (m *Metrics) ObserveBucket(request, outcome string, duration time.Duration) {
	m.bucket.WithLabelValues(request, outcome).Observe(duration.Seconds())
}
