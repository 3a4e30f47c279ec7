package main

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
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const exportHelp = `Write every torrent of a folder that no server uses to standard output, as a plain
tar archive of INFOHASH.torrent files. Of a running server make a backup, and export
that.

  torrentcache export --data-dir ./torrentcache-data > torrents.tar
  torrentcache export --data-dir ./torrentcache-data | zstd > torrents.tar.zst

Each torrent is checked like verify does; those that are damaged or cannot be read are
left out. Removed ones are left out too, and removals themselves are not in the
archive: a backup has them. Nothing is written to the folder.
Any tar program reads the archive; torrentcache import takes it, and so does push.

Exit status: 0 all are in the archive, 1 some are damaged, unreadable or missing, or
export did not get to the end.
`

func newExport(env environment) *cobra.Command {
	var s site
	c := &cobra.Command{
		Use:   "export --data-dir DIR > FILE.tar",
		Short: "Write all torrents of a folder as a tar archive",
		Long:  exportHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings(c, env, s.wantDataDir); err != nil {
				return err
			}
			if progress.Width(env.stdout) != nil {
				return errors.New("standard output is a terminal: want a file (torrentcache export ... > torrents.tar)")
			}
			return export(c.Context(), s.dataDir, env)
		},
	}
	s.addDataDir(c.Flags())
	return c
}

func export(ctx context.Context, dir string, env environment) (err error) {
	var run verifyRun
	display := progress.StartMaintenance(env.stderr, progress.Width(env.stderr), run.counts)
	defer display.Stop()
	st, err := stores.ReadFolder(dir, stores.FolderLogger(above{display}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.Close(st)) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := newArchive(env.stdout)
	err = run.store(ctx, st, diskstore.VerifyOptions{
		Check: func(t store.Torrent) error {
			if err := server.CheckTorrent(t); err != nil {
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
	_, err = fmt.Fprintf(env.stderr, "%s, %s\n", progress.Count(out.torrents, "torrent"), progress.Bytes(out.bytes))
	return err
}

// lacks counts the torrents that an archive leaves out, a phrase for each reason.
func (r *verifyRun) lacks() []string {
	var lacks []string
	if n := int64(len(r.damaged)); n > 0 {
		lacks = append(lacks, fmt.Sprintf("%s of %s torrents are damaged and not in the archive", progress.Number(n), progress.Number(r.checked)))
	}
	if n := int64(len(r.unreadable)); n > 0 {
		lacks = append(lacks, progress.Count(n, "torrent")+" cannot be read, and so not in the archive")
	}
	if len(r.missing) > 0 {
		lacks = append(lacks, describeAllMissing(r.missing))
	}
	return lacks
}

// archive is a tar archive of torrents. It is safe for concurrent use.
type archive struct {
	mu     sync.Mutex
	buffer *bufio.Writer
	tar    *tar.Writer
	err    error // of the first add that failed; nothing is written after it

	torrents, bytes int64 // added
}

func newArchive(out io.Writer) *archive {
	buffer := bufio.NewWriterSize(out, 1<<20)
	return &archive{buffer: buffer, tar: tar.NewWriter(buffer)}
}

// addUnlessRemoved adds a torrent that readers of the store would find: the bytes
// of removed ones stay on disk for a day.
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
