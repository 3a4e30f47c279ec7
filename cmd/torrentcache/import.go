package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/journal"
)

const importHelp = `Cache the torrents of a plain tar archive, such as export writes, from a file or
standard input. It is push for an archive of one's own: private torrents are taken
too. What the server has already it keeps; what it removed stays removed.

  torrentcache import torrents.tar
  zstd -d < torrents.tar.zst | torrentcache import

Exit status: 0 everything is cached, 3 some were refused, 1 import did not get to
the end.
`

func newImport(env environment) *cobra.Command {
	s := pushSettings{includePrivate: true, includePasskeys: true, streams: 4, patience: 5 * time.Minute}
	c := &cobra.Command{
		Use:   "import [FILE.tar]",
		Short: "Cache the torrents of a tar archive that export wrote",
		Long:  importHelp + remoteHelp,
		RunE: func(c *cobra.Command, args []string) error {
			if err := settings(c, env, s.remote.validate); err != nil {
				return err
			}
			if len(args) > 1 {
				return errors.New("import takes one archive, or none for standard input")
			}
			if len(args) == 0 || args[0] == "-" {
				return importArchive(c.Context(), s, c.InOrStdin(), env)
			}
			file, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			return importArchive(c.Context(), s, file, env)
		},
	}
	s.addFlags(c.Flags())
	return c
}

// importArchive pushes what is in an archive.
func importArchive(ctx context.Context, s pushSettings, in io.Reader, env environment) error {
	return runPush(ctx, s, env, func(ctx context.Context, r *pushRun, c *client.Client) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var failed error
		err := r.send(ctx, cancel, c, r.members(tar.NewReader(in), &failed))
		return errors.Join(failed, err)
	})
}

// members yields the files of an archive. An error of reading it goes to failed.
func (r *pushRun) members(archive *tar.Reader, failed *error) iter.Seq[client.Item] {
	return func(yield func(client.Item) bool) {
		for {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				*failed = fmt.Errorf("the archive is no plain tar archive, or is cut off: %w", err)
				return
			}
			if header.Typeflag != tar.TypeReg {
				continue
			}
			// One byte more than the largest tells that it is too large.
			torrent, err := io.ReadAll(io.LimitReader(archive, int64(r.settings.maxTorrentSize)+1))
			if err != nil {
				*failed = fmt.Errorf("the archive: %s: %w", header.Name, err)
				return
			}
			r.tally.bytes.Add(header.Size)
			if !yield(client.Item{Name: header.Name, Torrent: torrent, Size: header.Size, Tag: journal.Key{}}) {
				return
			}
		}
	}
}
