package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// storeMetrics cover the store's health.
type storeMetrics struct {
	damaged        prometheus.Counter
	failed, taking prometheus.Gauge
	dropped        *prometheus.CounterVec
}

func newStoreMetrics() storeMetrics {
	s := storeMetrics{
		damaged: prometheus.NewCounter(prometheus.CounterOpts{Name: "torrentcache_store_damaged_total",
			Help: "Stored torrents found damaged since the start. Any increase is an alarm."}),
		failed: gauge("torrentcache_store_failed", "1 if the store takes no more changes until the server is started again."),
		taking: gauge("torrentcache_store_takes_uploads", "0 if uploads are refused now: the store failed, is full or cannot be reached. The log says which."),
	}
	s.taking.Set(1)
	s.dropped = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "torrentcache_store_dropped_total",
		Help: "Torrents dropped since the start, because nobody used them (unread, --drop-unread-after) or to make room (full, --when-full evict)."}, []string{"cause"})
	for _, cause := range []string{"unread", "full"} {
		s.dropped.WithLabelValues(cause)
	}
	return s
}

// StoreDamaged counts a stored torrent that was found damaged.
func (m *Metrics) StoreDamaged() { m.store.damaged.Inc() }

// Dropped counts torrents that the store dropped by itself, for one of the causes that the
// metric's help names.
func (m *Metrics) Dropped(cause string, torrents int) {
	m.store.dropped.WithLabelValues(cause).Add(float64(torrents))
}

// StoreFailed notes that the store takes no more changes.
func (m *Metrics) StoreFailed() { m.store.failed.Set(1) }

// StoreTakesUploads notes whether the store takes uploads now.
func (m *Metrics) StoreTakesUploads(does bool) {
	m.store.taking.Set(0)
	if does {
		m.store.taking.Set(1)
	}
}

// maintenanceMetrics cover what is done to look after a store.
type maintenanceMetrics struct {
	verifyRunning, verifyChecked, verifyTotal, verifyBytes, verifyDamaged prometheus.Gauge
	verifyUnreadable, verifyEnd                                           prometheus.Gauge

	backupRunning, backupCopied, backupTotal, backupEnd prometheus.Gauge
}

func newMaintenanceMetrics() maintenanceMetrics {
	return maintenanceMetrics{
		verifyRunning:    gauge("torrentcache_verify_running", "1 while the store is being verified."),
		verifyChecked:    gauge("torrentcache_verify_checked_torrents", "Torrents that the running or last verification has read."),
		verifyTotal:      gauge("torrentcache_verify_torrents", "Torrents that it reads in all."),
		verifyBytes:      gauge("torrentcache_verify_checked_bytes", "Bytes that it has read."),
		verifyDamaged:    gauge("torrentcache_verify_damaged_torrents", "Damaged torrents that it has found."),
		verifyUnreadable: gauge("torrentcache_verify_unreadable_torrents", "Torrents that it has found whose bytes the disk cannot read."),
		verifyEnd:        gauge("torrentcache_verify_end_timestamp_seconds", "When a verification last came to its end, before this start as well, Unix time; 0 if none ever has."),

		backupRunning: gauge("torrentcache_backup_running", "1 while a backup is being made."),
		backupCopied:  gauge("torrentcache_backup_copied_bytes", "Bytes that the running or last backup has copied."),
		backupTotal:   gauge("torrentcache_backup_bytes", "Bytes that it copies in all."),
		backupEnd:     gauge("torrentcache_backup_end_timestamp_seconds", "When a backup was last completed, before this start as well, Unix time; 0 if none ever was."),
	}
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// Maintained is when a store was first served, and when it was last looked after; a zero time
// is never.
type Maintained struct{ Since, Backup, Verify time.Time }

// WatchMaintenance adds to the metrics what is done to look after a store. It is not for
// stores that others look after, whose times would look like neglect.
func (m *Metrics) WatchMaintenance(last Maintained) {
	s := m.maintenance
	since := gauge("torrentcache_store_since_timestamp_seconds", "When the store was first served, Unix time.")
	setTime(since, last.Since)
	setTime(s.backupEnd, last.Backup)
	setTime(s.verifyEnd, last.Verify)
	m.registry.MustRegister(since,
		s.verifyRunning, s.verifyChecked, s.verifyTotal, s.verifyBytes, s.verifyDamaged, s.verifyUnreadable, s.verifyEnd,
		s.backupRunning, s.backupCopied, s.backupTotal, s.backupEnd)
}

func setTime(g prometheus.Gauge, t time.Time) {
	if !t.IsZero() {
		g.Set(float64(t.Unix()))
	}
}

// VerifyStarted notes that the store is being verified.
func (m *Metrics) VerifyStarted() {
	m.VerifyProgress(0, 0, 0)
	m.maintenance.verifyDamaged.Set(0)
	m.maintenance.verifyUnreadable.Set(0)
	m.maintenance.verifyRunning.Set(1)
}

// VerifyProgress notes how far a verification is: torrents read and to read,
// and bytes read.
func (m *Metrics) VerifyProgress(checked, total, bytes int64) {
	m.maintenance.verifyChecked.Set(float64(checked))
	m.maintenance.verifyTotal.Set(float64(total))
	m.maintenance.verifyBytes.Set(float64(bytes))
}

// VerifyFound counts torrents that the verification has found damaged, or could not
// read.
func (m *Metrics) VerifyFound(damaged, unreadable int) {
	m.maintenance.verifyDamaged.Add(float64(damaged))
	m.maintenance.verifyUnreadable.Add(float64(unreadable))
}

// VerifyEnded notes that the verification is over, and if it came to its end.
func (m *Metrics) VerifyEnded(complete bool) {
	m.maintenance.verifyRunning.Set(0)
	if complete {
		m.maintenance.verifyEnd.SetToCurrentTime()
	}
}

// BackupStarted notes that a backup is being made.
func (m *Metrics) BackupStarted() {
	m.BackupProgress(0, 0)
	m.maintenance.backupRunning.Set(1)
}

// BackupProgress notes how far a backup is, in bytes.
func (m *Metrics) BackupProgress(copied, total int64) {
	m.maintenance.backupCopied.Set(float64(copied))
	m.maintenance.backupTotal.Set(float64(total))
}

// BackupEnded notes that the backup is over, and if it is complete.
func (m *Metrics) BackupEnded(complete bool) {
	m.maintenance.backupRunning.Set(0)
	if complete {
		m.maintenance.backupEnd.SetToCurrentTime()
	}
}
