package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const reindexHelp = `Build the store's index anew from its segment files, in a folder that no server
uses. serve does so by itself when it finds the index missing or damaged; reindex
is for when it does not notice. Torrents and removals stay as they are; damaged
torrents are found again by reading them: run torrentcache verify afterwards.

  torrentcache reindex --data-dir ./torrentcache-data
`

func newReindex(env environment) *cobra.Command {
	var s site
	c := &cobra.Command{
		Use:   "reindex --data-dir DIR",
		Short: "Build the store's index anew from its segments",
		Long:  reindexHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings(c, env, s.wantDataDir); err != nil {
				return err
			}
			return reindex(c, s.dataDir, env)
		},
	}
	s.addDataDir(c.Flags())
	return c
}

// wantDataDir is validate for commands that work on folders alone.
func (s *site) wantDataDir() error {
	if s.dataDir == "" {
		return errors.New("--data-dir is missing: want the data folder of a server that does not run")
	}
	return wantFolder(s.dataDir)
}

func reindex(c *cobra.Command, dir string, env environment) error {
	begin := time.Now()
	logger := folderLogger(env.stderr)
	if err := folderError(dir, diskstore.Reindex(folderOptions(dir, logger))); err != nil {
		return err
	}
	took := elapsed(begin)
	st, err := openFolder(dir, logger)
	if err != nil {
		return err
	}
	stats, err := st.Stats(c.Context())
	if err := errors.Join(err, closing(st)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "the index was built in %s: %s, %s removed\n",
		took, progress.Count(stats.Torrents, "torrent"), progress.Count(stats.Removed, "info hash"))
	return err
}
