package telemetry

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/torrentcache/torrentcache/internal/outcome"
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

// HTTP returns next with its requests counted. Door names the door that they are for.
func (m *Metrics) HTTP(door string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		m.http.current.Inc()
		defer m.http.current.Dec()
		answer := &countedWriter{ResponseWriter: w}
		body := &countedBody{ReadCloser: r.Body}
		r.Body = body
		next.ServeHTTP(answer, r)
		if answer.outcome.Reason != "" && r.Context().Err() == nil {
			m.http.errors.WithLabelValues(door, outcome.Label(answer.outcome.Reason)).Inc()
		}
		m.http.duration.WithLabelValues(door, strconv.Itoa(answer.code())).Observe(time.Since(begin).Seconds())
		m.http.in.WithLabelValues(door).Add(float64(body.n))
		m.http.out.WithLabelValues(door).Add(float64(answer.n))
	})
}

// countedWriter remembers an answer's status and counts its body.
type countedWriter struct {
	http.ResponseWriter
	status  int
	n       int64
	outcome outcome.Outcome
}

// Hear implements [outcome.Hearer].
func (w *countedWriter) Hear(o outcome.Outcome) { w.outcome.Add(o) }

func (w *countedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 { // 1xx is not the answer yet
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countedWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.n += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// code returns the status; net/http sends 200 for a handler that says nothing.
func (w *countedWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// countedBody counts what is read of a body. A handler reads it from one
// goroutine at a time.
type countedBody struct {
	io.ReadCloser
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}
