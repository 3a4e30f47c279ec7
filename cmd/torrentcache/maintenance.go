package main

import (
	"context"

	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// maintenance is a store's maintenance, as the server calls it.
type maintenance struct {
	*diskstore.Store
	metrics *telemetry.Metrics
}

// Verify implements [server.Maintenance].
func (m maintenance) Verify(ctx context.Context, o server.VerifyOptions) error {
	m.metrics.VerifyStarted()
	_, err := m.Store.Verify(ctx, diskstore.VerifyOptions{
		BytesPerSecond: o.BytesPerSecond,
		GiveUp:         o.GiveUp,
		Check:          o.Check,
		Progress: func(p diskstore.VerifyProgress) {
			m.metrics.VerifyProgress(p.Checked, p.Total, p.Bytes)
			m.metrics.VerifyFound(len(p.Damaged), len(p.Unreadable))
			o.Progress(server.VerifyProgress(p))
		},
	})
	m.metrics.VerifyEnded(err == nil)
	return err
}

// Backup implements [server.Maintenance].
func (m maintenance) Backup(ctx context.Context, dir string, progress func(copied, total int64)) error {
	m.metrics.BackupStarted()
	err := m.Store.Backup(ctx, dir, func(copied, total int64) {
		m.metrics.BackupProgress(copied, total)
		progress(copied, total)
	})
	m.metrics.BackupEnded(err == nil)
	return err
}

// Missing implements [server.Maintenance].
func (m maintenance) Missing() []server.Missing {
	var all []server.Missing
	for _, missing := range m.Store.Missing() {
		all = append(all, server.Missing(missing))
	}
	return all
}
