package operator

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const exportHelp = `Write every torrent of a folder that no server uses to standard output, as a plain
tar archive of INFOHASH.torrent files. If a server is running, make a backup of it and
export the backup.

  torrentcache export --data-dir ./torrentcache-data > torrents.tar
  torrentcache export --data-dir ./torrentcache-data | zstd > torrents.tar.zst

export checks each torrent as verify does, and leaves out torrents that are damaged,
cannot be read, or are removed. The archive does not record removals; a backup does.
export writes nothing to the folder.
Any tar program reads the archive, and so do torrentcache import and push.

Exit status: 0 all are in the archive, 1 some are damaged, unreadable or missing, or
export did not get to the end.
`

// NewExport returns the command export.
func NewExport(env cli.Environment) *cobra.Command {
	var s target
	c := &cobra.Command{
		Use:   "export --data-dir DIR > FILE.tar",
		Short: "Write all torrents of a folder as a tar archive",
		Long:  exportHelp,
		Args:  cli.NoArguments,
		RunE: env.Run(s.wantDataDir, func(c *cobra.Command, _ []string) error {
			if progress.Width(env.Stdout) != nil {
				return errors.New("standard output is a terminal: want a file (torrentcache export ... > torrents.tar)")
			}
			return export(c.Context(), s.dataDir, env)
		}),
	}
	s.addDataDir(c.Flags())
	return c
}

func export(ctx context.Context, dir string, env cli.Environment) (err error) {
	var run verifyRun
	display := progress.StartMaintenance(env.Stderr, progress.Width(env.Stderr), run.counts)
	defer display.Stop()
	st, err := stores.ReadFolder(dir, stores.FolderLogger(display))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.Close(st)) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := newArchive(env.Stdout)
	err = run.store(ctx, st, diskstore.VerifyOptions{
		Check: func(t store.Torrent) error {
			if err := admin.CheckTorrent(t); err != nil {
				return err
			}
			if err := out.addUnlessRemoved(ctx, st, t); err != nil {
				cancel(err)
			}
			return nil
		},
	})
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("the archive is not complete: %w", cause)
	}
	if err := errors.Join(err, out.close()); err != nil {
		return fmt.Errorf("the archive is not complete: %w", err)
	}
	if lacks := run.lacks(); len(lacks) > 0 {
		return errors.New(strings.Join(lacks, "; "))
	}
	_, err = fmt.Fprintf(env.Stderr, "%s, %s\n", progress.Count(out.torrents, "torrent"), progress.Bytes(out.bytes))
	return err
}

// lacks returns a phrase for each reason why torrents are missing from the archive, with their
// number.
func (r *verifyRun) lacks() []string {
	return r.faults(" and not in the archive", ", and so not in the archive")
}

// archive is a tar archive of torrents. It is safe for concurrent use.
type archive struct {
	mu     sync.Mutex
	buffer *bufio.Writer
	tar    *tar.Writer
	err    error // the error of the first add that failed; nothing is written after it

	torrents, bytes int64 // added
}

func newArchive(out io.Writer) *archive {
	buffer := bufio.NewWriterSize(out, 1<<20)
	return &archive{buffer: buffer, tar: tar.NewWriter(buffer)}
}

// addUnlessRemoved adds a torrent unless it is removed: the bytes of a removed torrent stay on
// disk for a day.
func (a *archive) addUnlessRemoved(ctx context.Context, st store.Store, t store.Torrent) error {
	found, err := st.Has(ctx, []infohash.ID{t.IDs.Primary()})
	if err != nil || !found[0].Found() {
		return err
	}
	return a.add(t)
}

// add writes a torrent as INFOHASH.torrent, with the time at which it was stored.
func (a *archive) add(t store.Torrent) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return a.err
	}
	a.err = a.tar.WriteHeader(&tar.Header{
		Name: t.IDs.Primary().String() + ".torrent", Size: int64(len(t.Bytes)), Mode: 0o644,
		ModTime: t.Stored, Format: tar.FormatUSTAR,
	})
	if a.err == nil {
		_, a.err = a.tar.Write(t.Bytes)
	}
	a.torrents++
	a.bytes += int64(len(t.Bytes))
	return a.err
}

// close ends the archive.
func (a *archive) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.tar.Close(), a.buffer.Flush())
}
