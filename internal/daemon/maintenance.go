package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// maintenance is a store's maintenance, as the server calls it.
type maintenance struct {
	*diskstore.Store
	metrics *telemetry.Metrics
	logger  *slog.Logger
}

// done notes in the store, and in the log, that what a note says has been done.
func (m maintenance) done(ctx context.Context, what, note string) {
	if err := stores.NoteNow(ctx, m.Store, note); err != nil {
		m.logger.Warn("done, but after a restart nobody will know when", "what", what, "cause", err)
		return
	}
	m.logger.Info("done", "what", what)
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
			o.Progress(server.VerifyProgress{
				Checked: p.Checked, Total: p.Total, Bytes: p.Bytes, Damaged: p.Damaged, Unreadable: p.Unreadable, Cleared: p.Cleared,
			})
		},
	})
	m.metrics.VerifyEnded(err == nil)
	if err == nil {
		m.done(ctx, "verification", stores.VerifyNote)
	}
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
	if err == nil {
		m.done(ctx, "backup", stores.BackupNote)
	}
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

// maintained returns when st was first served and last looked after. A store that cannot take
// the note is first served now, each time.
func maintained(ctx context.Context, st store.Store) telemetry.Maintained {
	m := telemetry.Maintained{Since: stores.Noted(ctx, st, stores.SinceNote), Backup: stores.Noted(ctx, st, stores.BackupNote), Verify: stores.Noted(ctx, st, stores.VerifyNote)}
	if m.Since.IsZero() {
		m.Since = time.Now()
		_ = stores.NoteNow(ctx, st, stores.SinceNote) // the next start tries again
	}
	return m
}
