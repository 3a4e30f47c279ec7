package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
)

const statsHelp = `Show what the store of a running server, or of a folder, holds. A line for each segment
file that is missing or ends too early says how many torrents are damaged because of it
and how many removals it held; the removals still apply. stats writes nothing to the
folder.

  torrentcache stats --unread 180d
also counts the torrents that nobody downloaded or uploaded for that long, by rank:
fetched, anonymous, keyed. A bucket does not record the days of reads.

Exit status: 0 nothing is missing, 1 a segment file is missing or ends too early, or
the store does not answer.
`

// NewStats returns the command stats.
func NewStats(env cli.Environment) *cobra.Command {
	var s target
	var unread time.Duration
	out := cli.Facts{Out: env.Stdout}
	c := &cobra.Command{
		Use:        "stats",
		SuggestFor: []string{"status"},
		Short:      "Show what the store holds",
		Long:       statsHelp + folderHelp,
		Args:       cli.NoArguments,
		RunE: s.with(env, func(c *cobra.Command, _ []string) error {
			if err := checkUnread(unread); err != nil {
				return err
			}
			if s.dataDir != "" {
				return folderStats(c.Context(), s.dataDir, unread, env, out)
			}
			return serverStats(c.Context(), s, unread, out)
		}),
	}
	s.addAdmin(c.Flags())
	s.addDataDir(c.Flags())
	out.AddFlag(c.Flags())
	config.DurationVar(c.Flags(), &unread, "unread", 0, "also count torrents that nobody downloaded or uploaded for this long, at least 1d; 0 counts none")
	return c
}

// statsFact is the content of a store, for programs.
type statsFact struct {
	Torrents        int64          `json:"torrents"`
	Removed         int64          `json:"removed_info_hashes"`
	Bytes           int64          `json:"torrent_bytes"`
	DiskBytes       int64          `json:"disk_bytes,omitempty"`
	Version         string         `json:"server_version,omitempty"`
	Started         *time.Time     `json:"start_time,omitempty"`
	Upstreams       []upstreamFact `json:"upstreams,omitempty"`
	Mirrors         []mirrorFact   `json:"mirrors,omitempty"`
	Unread          []unreadFact   `json:"unread,omitempty"`
	MissingSegments []segmentFact  `json:"missing_segments"`
}

func serverStats(ctx context.Context, s target, unread time.Duration, out cli.Facts) error {
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	answer, err := o.GetStats(ctx, &torrentcachev1.GetStatsRequest{UnreadSeconds: int64(unread / time.Second)})
	if err != nil {
		return o.explain(err)
	}
	started := answer.GetStartTime().AsTime().UTC()
	text := fmt.Sprintf("%-22s%s, since %s\n", "server", answer.GetVersion(), started.Format(time.RFC3339))
	return tellStats(out, statsFact{
		Torrents: answer.GetTorrentCount(), Removed: answer.GetRemovedCount(), Bytes: answer.GetTorrentBytes(),
		DiskBytes: answer.GetDiskBytes(), Version: answer.GetVersion(), Started: &started,
		Upstreams: upstreamFacts(answer.GetUpstreams()), Mirrors: mirrorFacts(answer.GetMirrors()),
		Unread: unreadFacts(answer.GetUnread()),
	}, text+upstreamText(answer.GetUpstreams())+mirrorText(answer.GetMirrors()), answer.GetMissingSegments())
}

func folderStats(ctx context.Context, dir string, age time.Duration, env cli.Environment, out cli.Facts) error {
	st, err := stores.ReadFolder(dir, stores.FolderLogger(env.Stderr))
	if err != nil {
		return err
	}
	stats, err := st.Stats(ctx)
	unread, unreadErr := folderUnread(ctx, st, age)
	missing := missingOf(st.Missing())
	if err := errors.Join(err, unreadErr, stores.Close(st)); err != nil {
		return err
	}
	return tellStats(out, statsFact{Torrents: stats.Torrents, Removed: stats.Removed, Bytes: stats.Bytes, DiskBytes: stats.DiskUsed, Unread: unread}, "", missing)
}

// tellStats writes the content of a store, the text server about its server, and the missing
// segments. It returns an error if a segment is missing.
func tellStats(out cli.Facts, s statsFact, server string, missing []*segment) error {
	s.MissingSegments = segmentFacts(missing)
	if err := out.Print(s, statsText(s)+unreadText(s.Unread)+server+missingText(missing)); err != nil {
		return err
	}
	return missingError(missing)
}

// statsText returns the content of a store for people, with exact numbers.
func statsText(s statsFact) string {
	lines := fmt.Sprintf("%-22s%s\n%-22s%s\n", "torrents", progress.Number(s.Torrents), "removed info hashes", progress.Number(s.Removed))
	lines += fmt.Sprintf("%-22s%s (%s bytes)\n", "size of the torrents", progress.Bytes(s.Bytes), progress.Number(s.Bytes))
	if s.DiskBytes > 0 {
		lines += fmt.Sprintf("%-22s%s (%s bytes)\n", "on disk", progress.Bytes(s.DiskBytes), progress.Number(s.DiskBytes))
	}
	return lines
}
