package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/manual"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
)

const backupHelp = `Write a copy of the store, removals included, to the folder DIR. DIR must be empty; a
missing folder is created. A running server goes on serving, and writes the copy
itself: DIR is a folder of its machine, and its user must be able to write there.

  torrentcache backup /backup/2026-07-01
  torrentcache backup --data-dir ./torrentcache-data /backup/2026-07-01

The copy holds everything that was acknowledged before the backup began. The copy is a
data folder itself. To restore it, copy it to its new place and start
  torrentcache serve --data-dir THERE
On the same file system the backup takes next to no space, because it shares the files
that no longer change. A backup against the loss of a disk must be on another disk.
`

// NewBackup returns the command backup.
func NewBackup(env cli.Environment) *cobra.Command {
	var s target
	out := cli.Facts{Out: env.Stdout}
	c := &cobra.Command{
		Use:               "backup DIR",
		Short:             "Copy the store to a folder, while the server serves",
		Long:              backupHelp + folderHelp,
		ValidArgsFunction: manual.CompleteFolders,
		RunE: s.with(env, func(c *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return errors.New("backup to where? Want one folder (torrentcache backup --help)")
			}
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			return backup(c.Context(), s, dir, env, out)
		}),
	}
	s.addAdmin(c.Flags())
	s.addDataDir(c.Flags())
	out.AddFlag(c.Flags())
	return c
}

// backup copies the store to dir, an absolute path.
func backup(ctx context.Context, s target, dir string, env cli.Environment, out cli.Facts) error {
	begin := time.Now()
	var copied, total atomic.Int64
	display := progress.StartMaintenance(env.Stderr, progress.Width(env.Stderr), func() progress.Counts {
		return progress.Counts{Bytes: copied.Load(), TotalBytes: total.Load()}
	})
	note := func(c, t int64) {
		copied.Store(c)
		total.Store(t)
	}
	var err error
	if s.dataDir != "" {
		err = backupFolder(ctx, s.dataDir, dir, display, note)
	} else {
		err = backupServer(ctx, s, dir, note)
	}
	display.Stop()
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted: the folder does not hold a complete backup")
	}
	if err != nil {
		return err
	}
	took := progress.Elapsed(begin)
	return out.Print(backupFact{dir, copied.Load(), time.Since(begin).Seconds()},
		fmt.Sprintf("%s copied to %s in %s\n", progress.Bytes(copied.Load()), dir, took))
}

type backupFact struct {
	Directory string  `json:"directory"`
	Copied    int64   `json:"copied_bytes"`
	Seconds   float64 `json:"seconds"`
}

func backupFolder(ctx context.Context, dataDir, dir string, log io.Writer, note func(copied, total int64)) (err error) {
	st, err := stores.OpenFolder(dataDir, stores.FolderLogger(log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.Close(st)) }()
	if err := st.Backup(ctx, dir, note); err != nil {
		return err
	}
	stores.NoteOffline(ctx, st, stores.BackupNote, log)
	return nil
}

func backupServer(ctx context.Context, s target, dir string, note func(copied, total int64)) error {
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	answers, err := o.BackupStore(ctx, &torrentcachev1.BackupStoreRequest{Directory: dir})
	return follow(o, answers, err, func(a *torrentcachev1.BackupStoreResponse) {
		note(a.GetCopiedBytes(), a.GetTotalBytes())
	})
}
