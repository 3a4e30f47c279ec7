package telemetry

import "time"

// Backend adds the metric that says whether a server behind a gateway can serve, and returns the
// function that sets it. Only a gateway has this metric.
func (m *Metrics) Backend() (serves func(bool)) {
	backend := m.gauge("torrentcache_backend_serves", "1 while a server behind the gateway can serve, 0 while none can be asked or says so. The log says why.")
	return func(does bool) { backend.Set(number(does)) }
}

// Upstreams adds the metrics of requests to upstreams, and returns the function that counts a
// request. Its upstream must be one of the settings.
func (m *Metrics) Upstreams() func(upstream, outcome string, took time.Duration) {
	asked := m.histogram("torrentcache_upstream_request_duration_seconds",
		"Duration of the requests to other caches, by upstream and outcome (docs/upstreams.md).", "upstream", "outcome")
	return func(upstream, outcome string, took time.Duration) {
		asked.WithLabelValues(upstream, outcome).Observe(took.Seconds())
	}
}

// WatchUpstreams adds two metrics: which upstreams answer, by name, and how many reads of missing
// torrents had which result. Both functions are called at each scrape, and must always return the
// same names and results.
func (m *Metrics) WatchUpstreams(reachable func() map[string]bool, missed func() map[string]int64) {
	m.watch(func(s samples) {
		for name, reachable := range reachable() {
			s.gauge("torrentcache_upstream_reachable", "1 while the upstream answers, as far as is known.", number(reachable), "upstream", name)
		}
		for result, n := range missed() {
			s.counter("torrentcache_upstream_misses_total", "Reads of torrents that were missing here, by the result of asking the upstreams.", n, "result", result)
		}
	})
}

// MirrorStats is the progress of following another server. Its counts are since the start.
type MirrorStats struct {
	Source string
	Paused bool
	Behind int64
	Lag    time.Duration

	Torrents, Bytes, Removals, Refused, Wrong, LeftOut int64
}

// WatchMirrors adds the metrics of the servers that are followed. Stats is called at each scrape.
func (m *Metrics) WatchMirrors(stats func() []MirrorStats) {
	m.watch(func(s samples) {
		for _, now := range stats() {
			s.gauge("torrentcache_mirror_paused", "1 while a mirror is stopped, since its source removed too many torrents in an hour.", number(now.Paused), "source", now.Source)
			s.gauge("torrentcache_mirror_lag_changes", "Changes of a mirror's source that are not done here, as far as known.", float64(now.Behind), "source", now.Source)
			s.gauge("torrentcache_mirror_lag_seconds", "For how long a mirror has had something to do, or its source could not be heard.", now.Lag.Seconds(), "source", now.Source)
			s.counter("torrentcache_mirror_removals_total", "Removals of a mirror's source that were made here.", now.Removals, "source", now.Source)
			for result, n := range map[string]int64{"stored": now.Torrents, "refused": now.Refused, "wrong": now.Wrong, "left_out": now.LeftOut} {
				s.counter("torrentcache_mirror_torrents_total", "Torrents of a mirror's source: stored, refused by the policy here, wrong, or left_out since the source could not give them.",
					n, "source", now.Source, "result", result)
			}
		}
	})
}

// WatchRepairs adds the metrics of repairs from other servers: how many succeeded and how many
// failed. Counts is called at each scrape.
func (m *Metrics) WatchRepairs(counts func() (healed, failed int64)) {
	m.watch(func(s samples) {
		healed, failed := counts()
		s.counter("torrentcache_repair_healed_total", "Damaged or unreadable torrents that were fetched from a mirror or an upstream and are whole again.", healed)
		s.counter("torrentcache_repair_failed_total", "Tries to heal a torrent that no mirror and no upstream could give.", failed)
	})
}

// WatchWanted adds the number of torrents that are missing here and looked for. Count is called at
// each scrape.
func (m *Metrics) WatchWanted(count func() int) {
	m.watch(func(s samples) {
		s.gauge("torrentcache_wanted_torrents", "Torrents that readers miss and that are looked for.", float64(count()))
	})
}
