package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTime is how long the store may take to answer a scrape.
const scrapeTime = 2 * time.Second

// storeMetrics are the metrics of the store's health.
type storeMetrics struct {
	damaged        prometheus.Counter
	failed, taking prometheus.Gauge
	dropped        *prometheus.CounterVec
}

func (m *Metrics) newStoreMetrics() storeMetrics {
	s := storeMetrics{
		damaged: m.make.NewCounter(prometheus.CounterOpts{Name: "torrentcache_store_damaged_total",
			Help: "Stored torrents found damaged since the start. Any increase is an alarm."}),
		failed: m.gauge("torrentcache_store_failed", "1 if the store takes no more changes until the server is started again."),
		taking: m.gauge("torrentcache_store_takes_uploads", "0 if uploads are refused now: the store failed, is full or cannot be reached. The log says which."),
		dropped: m.counter("torrentcache_store_dropped_total",
			"Torrents dropped since the start, because nobody used them (unread, --drop-unread-after) or to make room (full, --when-full evict).", "cause"),
	}
	s.taking.Set(1)
	for _, cause := range []string{"unread", "full"} {
		s.dropped.WithLabelValues(cause)
	}
	return s
}

// StoreDamaged counts a stored torrent that was found damaged.
func (m *Metrics) StoreDamaged() { m.store.damaged.Inc() }

// Dropped counts torrents that the store dropped by itself. Cause is one of those that the help of
// the metric names.
func (m *Metrics) Dropped(cause string, torrents int) {
	m.store.dropped.WithLabelValues(cause).Add(float64(torrents))
}

// StoreFailed notes that the store accepts no more changes.
func (m *Metrics) StoreFailed() { m.store.failed.Set(1) }

// StoreTakesUploads notes whether the store accepts uploads now.
func (m *Metrics) StoreTakesUploads(does bool) { m.store.taking.Set(number(does)) }

// StoreStats describes the content of a store.
type StoreStats struct {
	Torrents  int64
	Removed   int64
	Bytes     int64 // of the torrents
	DiskBytes int64 // overhead included; 0 if the store does not know

	Room int64 // bytes that uploads may still take; negative if unknown

	OldestUse time.Time // last use of the torrent unused for longest; zero if unknown

	MissingSegments int64 // segment files that are missing or too short
}

// WatchStore adds the store's size to the metrics. Stats is called at each scrape. If it fails,
// these metrics are absent.
func (m *Metrics) WatchStore(stats func(context.Context) (StoreStats, error)) {
	m.watch(func(s samples) {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
		defer cancel()
		now, err := stats(ctx)
		if err != nil {
			return
		}
		s.gauge("torrentcache_store_torrents", "Torrents that can be downloaded.", float64(now.Torrents))
		s.gauge("torrentcache_store_removed_ids", "Info hashes removed and not restored.", float64(now.Removed))
		s.gauge("torrentcache_store_torrent_bytes", "Bytes of the torrents stored.", float64(now.Bytes))
		s.gauge("torrentcache_store_disk_bytes", "Bytes the store takes on disk, overhead included.", float64(now.DiskBytes))
		if now.Room >= 0 {
			s.gauge("torrentcache_store_room_bytes", "Bytes that uploads may still take: the free space of the disk above --min-free-space, or the rest of --max-store-size. Uploads are refused when there is next to nothing.", float64(now.Room))
		}
		if !now.OldestUse.IsZero() {
			s.gauge("torrentcache_store_oldest_read_timestamp_seconds", "Day of the last download or upload of the torrent that was used longest ago, Unix time, as of the last look for torrents to drop (--drop-unread-after, --when-full evict).", float64(now.OldestUse.Unix()))
		}
		s.gauge("torrentcache_store_missing_segments", "Segment files that are missing or end too early. Any is an alarm.", float64(now.MissingSegments))
	})
}

// LocalCacheStats describes the cache on disk in front of a bucket: its reads since it was opened,
// and its content now.
type LocalCacheStats struct {
	Hits, Stale, Misses int64 // reads
	Torrents, Bytes     int64
	Usable              bool // whether its disk works
}

// WatchLocalCache adds the cache on disk to the metrics. Stats is called at each scrape.
func (m *Metrics) WatchLocalCache(stats func(context.Context) LocalCacheStats) {
	m.watch(func(s samples) {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
		defer cancel()
		now := stats(ctx)
		const lookups, help = "torrentcache_local_cache_lookups_total", "Torrents asked of the local cache before the bucket; stale ones were answered because the bucket could not be reached."
		s.counter(lookups, help, now.Hits, "result", "hit")
		s.counter(lookups, help, now.Stale, "result", "stale")
		s.counter(lookups, help, now.Misses, "result", "miss")
		s.gauge("torrentcache_local_cache_torrents", "Torrents in the local cache.", float64(now.Torrents))
		s.gauge("torrentcache_local_cache_bytes", "Disk space that the local cache takes.", float64(now.Bytes))
		s.gauge("torrentcache_local_cache_usable", "1 while the local cache's disk serves, 0 while all reads go to the bucket.", number(now.Usable))
	})
}
