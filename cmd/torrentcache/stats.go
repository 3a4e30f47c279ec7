package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/store"
)

const statsHelp = `Say what the store of a running server, or of a folder, holds, and which segment files
are missing or end too early: a line for each, with how many torrents are damaged for
it and how many removals were in it, which hold. In a folder nothing is written.

Exit status: 0 nothing is missing, 1 something is, or the store cannot be asked.
`

func newStats(env environment) *cobra.Command {
	var s site
	c := &cobra.Command{
		Use:   "stats",
		Short: "Say what the store holds",
		Long:  statsHelp + folderHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.settings(c, env); err != nil {
				return err
			}
			if s.dataDir != "" {
				return folderStats(c.Context(), s.dataDir, env)
			}
			return serverStats(c.Context(), s, env)
		},
	}
	s.addAdmin(c.Flags())
	s.addDataDir(c.Flags())
	return c
}

func serverStats(ctx context.Context, s site, env environment) error {
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	answer, err := o.GetStats(ctx, &torrentcachev1.GetStatsRequest{})
	if err != nil {
		return o.explain(err)
	}
	stats := store.Stats{
		Torrents: answer.GetTorrentCount(), Removed: answer.GetRemovedCount(),
		Bytes: answer.GetTorrentBytes(), DiskUsed: answer.GetDiskBytes(),
	}
	if _, err := fmt.Fprint(env.stdout, statsText(stats)); err != nil {
		return err
	}
	started := answer.GetStartTime().AsTime()
	if _, err = fmt.Fprintf(env.stdout, "%-22s%s, since %s\n", "server", answer.GetVersion(), started.UTC().Format(time.RFC3339)); err != nil {
		return err
	}
	if _, err := fmt.Fprint(env.stdout, upstreamText(answer.GetUpstreams())); err != nil {
		return err
	}
	return tellMissing(env.stdout, answer.GetMissingSegments())
}

func folderStats(ctx context.Context, dir string, env environment) error {
	st, err := readFolder(dir, folderLogger(env.stderr))
	if err != nil {
		return err
	}
	stats, err := st.Stats(ctx)
	missing := missingOf(st.Missing())
	if err := errors.Join(err, closing(st)); err != nil {
		return err
	}
	if _, err := fmt.Fprint(env.stdout, statsText(stats)); err != nil {
		return err
	}
	return tellMissing(env.stdout, missing)
}

// statsText is what a store holds, for people, with exact numbers.
func statsText(s store.Stats) string {
	lines := fmt.Sprintf("%-22s%s\n%-22s%s\n", "torrents", progress.Number(s.Torrents), "removed info hashes", progress.Number(s.Removed))
	lines += fmt.Sprintf("%-22s%s (%s bytes)\n", "size of the torrents", progress.Bytes(s.Bytes), progress.Number(s.Bytes))
	if s.DiskUsed > 0 {
		lines += fmt.Sprintf("%-22s%s (%s bytes)\n", "on disk", progress.Bytes(s.DiskUsed), progress.Number(s.DiskUsed))
	}
	return lines
}
