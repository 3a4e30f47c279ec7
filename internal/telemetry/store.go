package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTime bounds how long the store may take to answer a scrape.
const scrapeTime = 2 * time.Second

// StoreStats is what a store holds.
type StoreStats struct {
	Torrents  int64
	Removed   int64
	Bytes     int64 // of the torrents
	DiskBytes int64 // overhead included; 0 for a store that cannot tell

	Room int64 // bytes that uploads may still take; negative if nobody knows

	OldestUse time.Time // when the torrent was last used that was used longest ago; zero if nobody knows

	MissingSegments int64 // segment files of which something is missing
}

// WatchStore adds the store's size to the metrics. Stats is called at each
// scrape; while it fails the metrics are absent.
func (m *Metrics) WatchStore(stats func(context.Context) (StoreStats, error)) {
	m.registry.MustRegister(&storeCollector{
		stats:    stats,
		torrents: prometheus.NewDesc("torrentcache_store_torrents", "Torrents that can be downloaded.", nil, nil),
		removed:  prometheus.NewDesc("torrentcache_store_removed_ids", "Info hashes removed and not restored.", nil, nil),
		bytes:    prometheus.NewDesc("torrentcache_store_torrent_bytes", "Bytes of the torrents stored.", nil, nil),
		disk:     prometheus.NewDesc("torrentcache_store_disk_bytes", "Bytes the store takes on disk, overhead included.", nil, nil),
		room:     prometheus.NewDesc("torrentcache_store_room_bytes", "Bytes that uploads may still take: what the disk has free above --min-free-space, or --max-store-size leaves. Uploads are refused when there is next to nothing.", nil, nil),
		oldest:   prometheus.NewDesc("torrentcache_store_oldest_read_timestamp_seconds", "Day of the last download or upload of the torrent that was used longest ago, Unix time, as of the last look for what to drop (--drop-unread-after, --when-full evict).", nil, nil),
		missing:  prometheus.NewDesc("torrentcache_store_missing_segments", "Segment files that are missing or end too early. Any is an alarm.", nil, nil),
	})
}

type storeCollector struct {
	stats func(context.Context) (StoreStats, error)

	torrents, removed, bytes, disk, room, oldest, missing *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *storeCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.torrents, c.removed, c.bytes, c.disk, c.room, c.oldest, c.missing} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (c *storeCollector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	stats, err := c.stats(ctx)
	if err != nil {
		return
	}
	gauge := func(d *prometheus.Desc, value int64) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value))
	}
	gauge(c.torrents, stats.Torrents)
	gauge(c.removed, stats.Removed)
	gauge(c.bytes, stats.Bytes)
	gauge(c.disk, stats.DiskBytes)
	if stats.Room >= 0 {
		gauge(c.room, stats.Room)
	}
	if !stats.OldestUse.IsZero() {
		gauge(c.oldest, stats.OldestUse.Unix())
	}
	gauge(c.missing, stats.MissingSegments)
}
