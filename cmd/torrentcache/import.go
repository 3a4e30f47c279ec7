package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/manual"
	"github.com/torrentcache/torrentcache/internal/push"
)

const importHelp = `Cache the torrents of a tar archive, such as export writes, from a file or standard
input, plain or compressed with gzip, bzip2, xz or zstd. It is push for an archive of
one's own: every member is taken, and private torrents are too. What the server has
already it keeps; what it removed stays removed.

  torrentcache import torrents.tar.zst
  ssh old cat torrents.tar | torrentcache import
  torrentcache import --dry-run torrents.tar

Exit status: 0 everything is cached, 3 some were refused or unreadable (--report FILE
lists them) or, with --dry-run, are missing, 1 import did not get to the end: so does
an archive that is empty, cut short or followed by something else.
`

func newImport(env environment) *cobra.Command {
	s := pushSettings{Options: push.Options{
		IncludePrivate: true, IncludePasskeys: true, Streams: 4, Patience: 5 * time.Minute,
	}}
	c := &cobra.Command{
		Use:               "import [FILE.tar]",
		Short:             "Cache the torrents of a tar archive that export wrote",
		Long:              importHelp + remoteHelp,
		ValidArgsFunction: manual.CompleteFiles,
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
	s.addReports(c.Flags())
	return c
}

// importArchive pushes what is in an archive.
func importArchive(ctx context.Context, s pushSettings, in io.Reader, env environment) error {
	return s.run(env, nil, func(c *client.Client, o push.Options) error { return push.Archive(ctx, c, in, o) })
}
