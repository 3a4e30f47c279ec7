package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Maintained says when a store was first served, last backed up and last verified. A zero time
// means never.
type Maintained struct{ Since, Backup, Verify time.Time }

// Maintenance has the metrics of verifying and backing up a store. It is safe for concurrent use.
type Maintenance struct {
	verifyRunning, verifyChecked, verifyTotal, verifyBytes, verifyDamaged prometheus.Gauge
	verifyUnreadable, verifyEnd                                           prometheus.Gauge

	backupRunning, backupCopied, backupTotal, backupEnd prometheus.Gauge
}

// Maintenance adds the metrics of verifying and backing up a store. Do not call it for a store that
// others maintain, because its times would look like neglect. Call it once.
func (m *Metrics) Maintenance(last Maintained) *Maintenance {
	t := &Maintenance{
		verifyRunning:    m.gauge("torrentcache_verify_running", "1 while the store is being verified."),
		verifyChecked:    m.gauge("torrentcache_verify_checked_torrents", "Torrents that the running or last verification has read."),
		verifyTotal:      m.gauge("torrentcache_verify_torrents", "Torrents that it reads in all."),
		verifyBytes:      m.gauge("torrentcache_verify_checked_bytes", "Bytes that it has read."),
		verifyDamaged:    m.gauge("torrentcache_verify_damaged_torrents", "Damaged torrents that it has found."),
		verifyUnreadable: m.gauge("torrentcache_verify_unreadable_torrents", "Torrents that it has found whose bytes the disk cannot read."),
		verifyEnd:        m.gauge("torrentcache_verify_end_timestamp_seconds", "When a verification last came to its end, before this start as well, Unix time; 0 if none ever has."),

		backupRunning: m.gauge("torrentcache_backup_running", "1 while a backup is being made."),
		backupCopied:  m.gauge("torrentcache_backup_copied_bytes", "Bytes that the running or last backup has copied."),
		backupTotal:   m.gauge("torrentcache_backup_bytes", "Bytes that it copies in all."),
		backupEnd:     m.gauge("torrentcache_backup_end_timestamp_seconds", "When a backup was last completed, before this start as well, Unix time; 0 if none ever was."),
	}
	setTime(m.gauge("torrentcache_store_since_timestamp_seconds", "When the store was first served, Unix time."), last.Since)
	setTime(t.backupEnd, last.Backup)
	setTime(t.verifyEnd, last.Verify)
	return t
}

func setTime(g prometheus.Gauge, t time.Time) {
	if !t.IsZero() {
		g.Set(float64(t.Unix()))
	}
}

// VerifyStarted notes that a verification has started.
func (m *Maintenance) VerifyStarted() {
	m.VerifyProgress(0, 0, 0)
	m.verifyDamaged.Set(0)
	m.verifyUnreadable.Set(0)
	m.verifyRunning.Set(1)
}

// VerifyProgress notes the progress of a verification: the torrents read, the torrents to read in
// all, and the bytes read.
func (m *Maintenance) VerifyProgress(checked, total, bytes int64) {
	m.verifyChecked.Set(float64(checked))
	m.verifyTotal.Set(float64(total))
	m.verifyBytes.Set(float64(bytes))
}

// VerifyFound counts torrents that the verification found damaged or could not read.
func (m *Maintenance) VerifyFound(damaged, unreadable int) {
	m.verifyDamaged.Add(float64(damaged))
	m.verifyUnreadable.Add(float64(unreadable))
}

// VerifyEnded notes that the verification is over, and whether it is complete.
func (m *Maintenance) VerifyEnded(complete bool) { ended(m.verifyRunning, m.verifyEnd, complete) }

// BackupStarted notes that a backup has started.
func (m *Maintenance) BackupStarted() {
	m.BackupProgress(0, 0)
	m.backupRunning.Set(1)
}

// BackupProgress notes the progress of a backup, in bytes.
func (m *Maintenance) BackupProgress(copied, total int64) {
	m.backupCopied.Set(float64(copied))
	m.backupTotal.Set(float64(total))
}

// BackupEnded notes that the backup is over, and whether it is complete.
func (m *Maintenance) BackupEnded(complete bool) { ended(m.backupRunning, m.backupEnd, complete) }

func ended(running, end prometheus.Gauge, complete bool) {
	running.Set(0)
	if complete {
		end.SetToCurrentTime()
	}
}
