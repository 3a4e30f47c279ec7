package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const reindexHelp = `Build the store's index anew from its segment files, in a folder that no server
uses. serve does so by itself when it finds the index missing or damaged; reindex
is for when it does not notice. Torrents and removals stay as they are; damaged
torrents are found again by reading them: run torrentcache verify afterwards.

  torrentcache reindex --data-dir ./torrentcache-data
  torrentcache reindex --data-dir ./torrentcache-data --give-up

What the disk cannot read ends reindex, since the disk may read it the next time.
With --give-up reindex passes over it: the torrents and removals in it are lost to
the new index.

Exit status: 0 nothing is missing, 1 a segment file is missing or ends too early,
which a line tells, or reindex did not get to the end.
`

func newReindex(env environment) *cobra.Command {
	var s site
	giveUp := false
	out := facts{out: env.stdout}
	c := &cobra.Command{
		Use:   "reindex --data-dir DIR",
		Short: "Build the store's index anew from its segments",
		Long:  reindexHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings(c, env, s.wantDataDir); err != nil {
				return err
			}
			return reindex(c.Context(), s.dataDir, giveUp, env, out)
		},
	}
	s.addDataDir(c.Flags())
	out.addFlag(c.Flags())
	c.Flags().BoolVar(&giveUp, "give-up", false, "pass over what the disk cannot read")
	return c
}

// wantDataDir is validate for commands that work on folders alone.
func (s *site) wantDataDir() error {
	if s.dataDir == "" {
		return errors.New("--data-dir is missing: want the data folder of a server that does not run")
	}
	return stores.WantFolder(s.dataDir)
}

func reindex(ctx context.Context, dir string, giveUp bool, env environment, out facts) error {
	begin := time.Now()
	o := stores.FolderOptions(dir, stores.FolderLogger(env.stderr))
	o.GiveUp = giveUp
	missing, err := diskstore.Reindex(o)
	if err := stores.FolderError(dir, err); err != nil {
		return err
	}
	took := elapsed(begin)
	st, err := stores.OpenFolder(dir, stores.FolderLogger(env.stderr))
	if err != nil {
		return err
	}
	stats, err := st.Stats(ctx)
	if err := errors.Join(err, stores.Close(st)); err != nil {
		return err
	}
	lost := missingOf(missing)
	fact := reindexFact{stats.Torrents, stats.Removed, time.Since(begin).Seconds(), segmentFacts(lost)}
	text := fmt.Sprintf("the index was built in %s: %s, %s removed\n",
		took, progress.Count(stats.Torrents, "torrent"), progress.Count(stats.Removed, "info hash"))
	if err := out.tell(fact, text+missingText(lost)); err != nil {
		return err
	}
	return missingError(lost)
}

type reindexFact struct {
	Torrents        int64         `json:"torrents"`
	Removed         int64         `json:"removed_info_hashes"`
	Seconds         float64       `json:"seconds"`
	MissingSegments []segmentFact `json:"missing_segments"`
}
