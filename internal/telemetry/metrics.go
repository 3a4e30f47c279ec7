package telemetry

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// latencyBuckets are in seconds. A download from memory takes well under a
// millisecond, a durable upload a few, a slow client's minutes.
var latencyBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}

// Metrics holds the program's metrics in a registry of its own. It is safe for
// concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	rpc      rpcMetrics
	http     httpMetrics
	bucket   *prometheus.HistogramVec
	upstream *prometheus.HistogramVec

	store       storeMetrics
	backend     prometheus.Gauge
	backendOnce sync.Once // registers it
	maintenance maintenanceMetrics
}

// Build says which build runs, for the metric torrentcache_build_info.
type Build struct{ Version, Revision, Go string }

// NewMetrics returns Metrics that also cover the Go runtime and the process.
func NewMetrics(build Build) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), rpc: newRPCMetrics(), http: newHTTPMetrics(), bucket: newBucketMetrics(), upstream: newUpstreamMetrics(), store: newStoreMetrics(), backend: newBackendMetric(), maintenance: newMaintenanceMetrics()}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "torrentcache_build_info",
		Help:        "1, labelled with the build that runs.",
		ConstLabels: prometheus.Labels{"version": build.Version, "revision": build.Revision, "goversion": build.Go},
	})
	info.Set(1)
	m.registry.MustRegister(info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.rpc.collectors()...)
	m.registry.MustRegister(m.http.collectors()...)
	m.registry.MustRegister(m.bucket)
	m.registry.MustRegister(m.store.damaged, m.store.failed, m.store.taking, m.store.dropped)
	return m
}

// Handler serves the metrics to Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencyBuckets}, labels)
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// rpcMetrics cover calls, from the network and in process.
type rpcMetrics struct {
	duration *prometheus.HistogramVec
	in, out  *prometheus.CounterVec
	errors   *prometheus.CounterVec
	series   *sync.Map // rpcSeries by rpcLabels: looking up three by their labels took 1 % of a call
}

type rpcLabels struct{ method, code string }

// rpcSeries is what a call of one method with one outcome counts in.
type rpcSeries struct {
	duration prometheus.Observer
	in, out  prometheus.Counter
}

func (r rpcMetrics) of(labels rpcLabels) rpcSeries {
	if known, ok := r.series.Load(labels); ok {
		return known.(rpcSeries)
	}
	series := rpcSeries{
		duration: r.duration.WithLabelValues(labels.method, labels.code),
		in:       r.in.WithLabelValues(labels.method),
		out:      r.out.WithLabelValues(labels.method),
	}
	r.series.Store(labels, series)
	return series
}

func newRPCMetrics() rpcMetrics {
	return rpcMetrics{
		duration: histogram("torrentcache_rpc_duration_seconds", "Duration of calls by method and gRPC code, those of the HTTP doors included.", "method", "code"),
		in:       counter("torrentcache_rpc_received_bytes_total", "Bytes of the messages received in calls.", "method"),
		out:      counter("torrentcache_rpc_sent_bytes_total", "Bytes of the messages sent in calls.", "method"),
		errors:   counter("torrentcache_rpc_errors_total", "Calls that failed by method and reason, and items that failed of calls for many, those of the HTTP doors included; without those whose client left.", "method", "reason"),
		series:   &sync.Map{},
	}
}

func (r rpcMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.duration, r.in, r.out, r.errors}
}

// ItemFailed counts an item that failed of a call for many. Method is as for [Metrics.ObserveRPC].
func (m *Metrics) ItemFailed(method string, why reason.Reason) {
	m.rpc.errors.WithLabelValues(method, outcome.Label(why)).Inc()
}

// ObserveRPC counts a call that has ended. Method is the full name of a
// registered method and code the name of a gRPC code. Failed is why it failed; "" if it did
// not, or its client left.
func (m *Metrics) ObserveRPC(method, code string, failed reason.Reason, duration time.Duration, in, out int) {
	if failed != "" {
		m.rpc.errors.WithLabelValues(method, outcome.Label(failed)).Inc()
	}
	series := m.rpc.of(rpcLabels{method, code})
	series.duration.Observe(duration.Seconds())
	series.in.Add(float64(in))
	series.out.Add(float64(out))
}
