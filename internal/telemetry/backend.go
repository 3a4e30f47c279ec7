package telemetry

import "github.com/prometheus/client_golang/prometheus"

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
