package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/resolver/internal/work"
)

const namespace = "torrentcache_resolver"

// metrics are the metrics of a house.
type metrics struct {
	registry *prometheus.Registry
	torrents *prometheus.CounterVec
}

func newMetrics(h *house) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		torrents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "torrents_total", Help: "Torrents that were looked for, by result.",
		}, []string{"result"}),
	}
	for _, outcome := range work.Outcomes() {
		m.torrents.WithLabelValues(string(outcome))
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Which build this is.", ConstLabels: prometheus.Labels{"version": buildinfo.Read().Version},
	})
	build.Set(1)
	m.registry.MustRegister(m.torrents, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.counter("peers_asked_total", "Peers that were connected to.", func() float64 { asked, _ := h.finder.Stats(); return float64(asked) })
	m.counter("peers_wrong_total", "Peers that sent metadata of another info hash.", func() float64 { _, wrong := h.finder.Stats(); return float64(wrong) })
	if h.dht != nil {
		m.gauge("dht_nodes", "Nodes of the DHT that are known.", func() float64 { return float64(h.dht.Nodes()) })
	}
	return m
}

// watch adds the metrics of a watcher.
func (m *metrics) watch(w *work.Watcher) {
	m.gauge("running", "Torrents that are looked for.", func() float64 { return float64(w.Running()) })
	m.gauge("waiting", "Torrents that wait for their turn.", func() float64 { return float64(w.Waiting()) })
	m.gauge("server_reachable", "Whether the server says which torrents are wanted.", func() float64 {
		if w.Hearing() {
			return 1
		}
		return 0
	})
}

func (m *metrics) gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

func (m *metrics) counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// count counts a torrent by its outcome.
func (m *metrics) count(o work.Outcome) { m.torrents.WithLabelValues(string(o)).Inc() }

// handler serves the metrics and the liveness check.
func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", lifecycle.Live)
	return mux
}
