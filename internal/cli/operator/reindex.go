package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const reindexHelp = `Build the store's index anew from its segment files, in a folder that no server
uses. serve does so by itself when it finds the index missing or damaged; use reindex
when serve does not notice the damage. Torrents and removals stay as they are. The new
index does not know which torrents are damaged: run torrentcache verify afterwards.

  torrentcache reindex --data-dir ./torrentcache-data
  torrentcache reindex --data-dir ./torrentcache-data --give-up

If the disk cannot read a part of a file, reindex ends, since the disk may read it the
next time. With --give-up reindex skips that part: the new index lacks its torrents
and removals.

Exit status: 0 nothing is missing, 1 a segment file is missing or ends too early (the
report names it), or reindex did not get to the end.
`

// NewReindex returns the command reindex.
func NewReindex(env cli.Environment) *cobra.Command {
	var s target
	giveUp := false
	out := cli.Facts{Out: env.Stdout}
	c := &cobra.Command{
		Use:   "reindex --data-dir DIR",
		Short: "Build the store's index anew from its segments",
		Long:  reindexHelp,
		Args:  cli.NoArguments,
		RunE: env.Run(s.wantDataDir, func(c *cobra.Command, _ []string) error {
			return reindex(c.Context(), s.dataDir, giveUp, env, out)
		}),
	}
	s.addDataDir(c.Flags())
	out.AddFlag(c.Flags())
	c.Flags().BoolVar(&giveUp, "give-up", false, "skip the parts of files that the disk cannot read")
	return c
}

func reindex(ctx context.Context, dir string, giveUp bool, env cli.Environment, out cli.Facts) error {
	begin := time.Now()
	o := stores.FolderOptions(dir, stores.FolderLogger(env.Stderr))
	o.GiveUp = giveUp
	missing, err := diskstore.Reindex(o)
	if err := stores.FolderError(dir, err); err != nil {
		return err
	}
	took := progress.Elapsed(begin)
	st, err := stores.OpenFolder(dir, stores.FolderLogger(env.Stderr))
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
	if err := out.Print(fact, text+missingText(lost)); err != nil {
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
