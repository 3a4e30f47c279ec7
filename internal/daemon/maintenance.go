package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// maintenance is a store's maintenance, as the operator's service calls it.
type maintenance struct {
	*diskstore.Store
	metrics *telemetry.Maintenance
	logger  *slog.Logger
}

// done records that a task has been done: in the store under note, and in the log.
func (m maintenance) done(ctx context.Context, what, note string) {
	if err := stores.NoteNow(ctx, m.Store, note); err != nil {
		m.logger.Warn("done, but the time could not be recorded and is lost at a restart", "what", what, "cause", err)
		return
	}
	m.logger.Info("done", "what", what)
}

// Verify implements [admin.Maintenance].
func (m maintenance) Verify(ctx context.Context, o admin.VerifyOptions) error {
	m.metrics.VerifyStarted()
	_, err := m.Store.Verify(ctx, diskstore.VerifyOptions{
		BytesPerSecond: o.BytesPerSecond,
		GiveUp:         o.GiveUp,
		Check:          o.Check,
		Progress: func(p diskstore.VerifyProgress) {
			m.metrics.VerifyProgress(p.Checked, p.Total, p.Bytes)
			m.metrics.VerifyFound(len(p.Damaged), len(p.Unreadable))
			o.Progress(admin.VerifyProgress{
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

// Backup implements [admin.Maintenance].
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

// Missing implements [admin.Maintenance].
func (m maintenance) Missing() []admin.Missing {
	var all []admin.Missing
	for _, missing := range m.Store.Missing() {
		all = append(all, admin.Missing(missing))
	}
	return all
}

// maintained returns when st was first served, last backed up and last verified. A store that
// cannot record the first time counts as first served now, at each start.
func maintained(ctx context.Context, st store.Store) telemetry.Maintained {
	m := telemetry.Maintained{Since: stores.Noted(ctx, st, stores.SinceNote), Backup: stores.Noted(ctx, st, stores.BackupNote), Verify: stores.Noted(ctx, st, stores.VerifyNote)}
	if m.Since.IsZero() {
		m.Since = time.Now()
		_ = stores.NoteNow(ctx, st, stores.SinceNote) // the next start tries again
	}
	return m
}

// verifyPause is the pause before a verification that could not be done is tried again.
const verifyPause = 10 * time.Minute

// verifyPeriodically verifies the store, until ctx ends, whenever the last verification, which
// may be an operator's, is old enough. A store that was never verified is due at once.
func (d *daemon) verifyPeriodically(ctx context.Context, operator *admin.Service, st *storage, cfg config.Serve) {
	for ctx.Err() == nil {
		due := time.Duration(0)
		if last := stores.Noted(ctx, st, stores.VerifyNote); !last.IsZero() {
			due = time.Until(last.Add(cfg.VerifyEvery))
		}
		if due > 0 && !wait.For(ctx, due) {
			return
		}
		if err := d.verifyOnce(ctx, operator, int64(cfg.VerifyRate)); err != nil && ctx.Err() == nil {
			d.logger.Warn("the verification did not get to its end; it will be tried again", "in", verifyPause, "cause", err)
			wait.For(ctx, verifyPause)
		}
	}
}

// verifyOnce verifies the store, and logs how many torrents were found damaged or unreadable.
func (d *daemon) verifyOnce(ctx context.Context, operator *admin.Service, rate int64) error {
	lost, healed := 0, 0
	err := operator.Verify(ctx, admin.VerifyOptions{
		BytesPerSecond: rate, Check: admin.CheckTorrent,
		Progress: func(p admin.VerifyProgress) {
			lost += len(p.Damaged) + len(p.Unreadable)
			healed = int(p.Healed)
		},
	})
	if lost+healed > 0 {
		d.logger.Error("the verification found torrents that are damaged or cannot be read", "found", lost+healed, "healed", healed)
	}
	return err
}
