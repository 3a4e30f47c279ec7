package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// openStore opens the store in the folder o.Dir, or makes it. Errors name the flag.
func openStore(o diskstore.Options) (*diskstore.Store, error) {
	st, err := diskstore.Open(o)
	return st, folderError(o.Dir, err)
}

// openFolder opens the store of a folder that is one already.
func openFolder(dir string, logger *slog.Logger) (*diskstore.Store, error) {
	if err := wantFolder(dir); err != nil {
		return nil, err
	}
	return openStore(folderOptions(dir, logger))
}

// folderOptions are those of commands that leave the torrents as they are:
// nothing is compacted while they work.
func folderOptions(dir string, logger *slog.Logger) diskstore.Options {
	return diskstore.Options{Dir: dir, Logger: logger, MinFreeSpace: none, CompactionRate: none}
}

// none stands for 0 where the store takes 0 for the default.
const none = -1

// wantFolder returns an error unless dir has a store, so that a slip of the pen
// does not make an empty one.
func wantFolder(dir string) error {
	if info, err := os.Stat(filepath.Join(dir, "segments")); err != nil || !info.IsDir() {
		return fmt.Errorf("--data-dir %s: this is no data folder of torrentcache: it has no folder named segments", dir)
	}
	return nil
}

func folderError(dir string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, diskstore.ErrLocked):
		return fmt.Errorf("--data-dir %s: another torrentcache uses this folder: stop it, or choose another one", dir)
	default:
		return fmt.Errorf("--data-dir %s: %w", dir, err)
	}
}

// folderLogger tells what matters of a folder to w.
func folderLogger(w io.Writer) *slog.Logger { return telemetry.NewLogger(w, "text", "warn") }

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
		Check:          o.Check,
		Progress: func(p diskstore.VerifyProgress) {
			m.metrics.VerifyProgress(p.Checked, p.Total, p.Bytes)
			m.metrics.VerifyDamaged(len(p.Damaged))
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
