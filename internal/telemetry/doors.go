package telemetry

import "time"

// CacheStats describes the hot cache and the fast path, since the start. The metrics of HTTP
// requests do not include answers on the fast path.
type CacheStats struct {
	Hits, Misses   int64 // torrents that the doors looked up
	Entries, Bytes int64
	FastFound      int64 // downloads answered on the fast path
	FastAbsent     int64 // 404s answered on the fast path
	FastBytes      int64 // sent on the fast path, headers included except by HTTP/2
}

// WatchCache adds the hot cache and the fast path to the metrics. Stats is called
// at each scrape.
func (m *Metrics) WatchCache(stats func() CacheStats) {
	m.watch(func(s samples) {
		now := stats()
		const lookups, lookupsHelp = "torrentcache_cache_lookups_total", "Torrents asked of the hot cache by the doors."
		s.counter(lookups, lookupsHelp, now.Hits, "result", "hit")
		s.counter(lookups, lookupsHelp, now.Misses, "result", "miss")
		s.gauge("torrentcache_cache_entries", "Torrents and absent ids in the hot cache.", float64(now.Entries))
		s.gauge("torrentcache_cache_bytes", "Memory that the hot cache takes.", float64(now.Bytes))
		const fast, fastHelp = "torrentcache_fast_path_requests_total", "Downloads answered on the fast path, which the metrics of HTTP requests leave out."
		s.counter(fast, fastHelp, now.FastFound, "code", "200")
		s.counter(fast, fastHelp, now.FastAbsent, "code", "404")
		s.counter("torrentcache_fast_path_sent_bytes_total", "Bytes sent on the fast path, headers included except by HTTP/2.", now.FastBytes)
	})
}

// LimitStats counts the work in progress, and the refusals since the start.
type LimitStats struct {
	Connections, Uploads, Streams int
	UploadBytes                   int64            // held for uploads in flight
	MemoryBytes                   int64            // held for all that the budget bounds
	Refused                       map[string]int64 // by limit; always the same limits
}

// WatchLimits adds the limits to the metrics. Stats is called at each scrape.
func (m *Metrics) WatchLimits(stats func() LimitStats) {
	m.watch(func(s samples) {
		now := stats()
		s.gauge("torrentcache_connections", "Connections open to the public listeners.", float64(now.Connections))
		s.gauge("torrentcache_uploads_in_flight", "Uploads under way, from their first byte to their answer.", float64(now.Uploads))
		s.gauge("torrentcache_upload_memory_bytes", "Memory held for uploads under way.", float64(now.UploadBytes))
		s.gauge("torrentcache_memory_in_use_bytes", "Memory held for connections, calls, uploads, and answers that were not taken yet.", float64(now.MemoryBytes))
		s.gauge("torrentcache_streams", "Streams of CacheTorrents and SyncService that are open.", float64(now.Streams))
		for limit, refused := range now.Refused {
			s.counter("torrentcache_refusals_total", "Requests and connections refused or cut off, by the limit (docs/limits.md).", refused, "limit", limit)
		}
	})
}

// DenyStats describes the deny lists in force.
type DenyStats struct {
	Entries  int64
	LastRead time.Time
	Hits     int64
}

// WatchDenyLists adds the deny lists to the metrics. Stats is called at each scrape.
func (m *Metrics) WatchDenyLists(stats func() DenyStats) {
	m.watch(func(s samples) {
		now := stats()
		s.gauge("torrentcache_deny_list_entries", "Hashes in the deny lists in force.", float64(now.Entries))
		s.gauge("torrentcache_deny_list_read_timestamp_seconds", "When a deny list was last read and put in force.", float64(now.LastRead.UnixMilli())/1000)
		s.counter("torrentcache_deny_list_hits_total", "Reads and uploads that were refused because a deny list names the torrent.", now.Hits)
	})
}

// WatchCertificate adds the time at which the TLS certificate expires, and whether the authority
// refuses to issue one. Both functions are called at each scrape. While the time is unknown, its
// metric is absent.
func (m *Metrics) WatchCertificate(end func() (time.Time, bool), refused func() bool) {
	m.watch(func(s samples) {
		s.gauge("torrentcache_certificate_refused",
			"1 if the authority (--acme) gave no certificate when it was last asked, so that no client can connect by TLS.", number(refused()))
		if end, known := end(); known {
			s.gauge("torrentcache_certificate_end_timestamp_seconds",
				"When the TLS certificate in force ends, or the first of those that go with it, Unix time.", float64(end.Unix()))
		}
	})
}

// WatchAccessLog adds the number of lines missing from the access log. Dropped is called at each
// scrape.
func (m *Metrics) WatchAccessLog(dropped func() int64) {
	m.watch(func(s samples) {
		s.counter("torrentcache_access_log_dropped_total",
			"Requests that the access log leaves out, because too many lines waited or its file could not be written.", dropped())
	})
}
