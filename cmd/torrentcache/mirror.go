package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/progress"
)

const mirrorHelp = `Go on following a server that was stopped, since it removed more than 1 % of all
torrents in an hour.

  torrentcache mirror resume HOST:PORT      its removals were meant: make them
  torrentcache restore --mirror HOST:PORT   they were not: undo those made here

The name is that of --mirror-of; torrentcache stats lists them. After resume the
removals of an hour are not counted.
`

func newMirror(env environment) *cobra.Command {
	c := &cobra.Command{
		Use:   "mirror",
		Short: "Go on following a server that was stopped",
		Long:  mirrorHelp + adminHelp,
	}
	var s site
	out := facts{out: env.stdout}
	resume := &cobra.Command{
		Use:               "resume HOST:PORT",
		ValidArgsFunction: cobra.NoFileCompletions,
		Short:             "Make the removals that stopped it, and go on",
		Long:              mirrorHelp + adminHelp,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("resume which? Want the HOST:PORT of one --mirror-of (torrentcache stats lists them)")
			}
			if err := s.settings(c, env); err != nil {
				return err
			}
			if _, err := resumeMirror(c.Context(), &s, args[0], false); err != nil {
				return err
			}
			return out.tell(summary{map[string]string{"source": args[0], "status": "resumed"}}, args[0]+" is followed again\n")
		},
	}
	s.addAdmin(resume.Flags())
	out.addFlag(resume.Flags())
	c.AddCommand(resume)
	return c
}

// resumeMirror has the server go on with source, and returns how many torrents it restored.
func resumeMirror(ctx context.Context, s *site, source string, restore bool) (int64, error) {
	o, err := s.dial()
	if err != nil {
		return 0, err
	}
	defer o.close()
	answer, err := o.ResumeMirror(ctx, &torrentcachev1.ResumeMirrorRequest{Source: source, Restore: restore})
	if err != nil {
		return 0, o.explain(err)
	}
	return answer.GetRestoredCount(), nil
}

// restoreMirror undoes what source removed here.
func restoreMirror(ctx context.Context, s *listSettings, source string, args []string) error {
	if len(args) > 0 {
		return errors.New("--mirror undoes all removals of a source: it goes with no info hashes or files")
	}
	n, err := resumeMirror(ctx, &s.site, source, true)
	if err != nil {
		return err
	}
	return s.facts.tell(summary{map[string]int64{"restored": n}}, progress.Count(n, "torrent")+" restored\n")
}

// mirrorFact is how far the following of a server is, for programs.
type mirrorFact struct {
	Source   string `json:"source"`
	Paused   bool   `json:"paused"`
	Behind   int64  `json:"behind"`
	Lag      int64  `json:"lag_seconds"`
	Torrents int64  `json:"torrents"`
	Removals int64  `json:"removals"`
	Refused  int64  `json:"refused"`
	Wrong    int64  `json:"wrong"`
	LeftOut  int64  `json:"left_out"`
}

func mirrorFacts(all []*torrentcachev1.MirrorStats) []mirrorFact {
	var mirrored []mirrorFact
	for _, m := range all {
		mirrored = append(mirrored, mirrorFact{m.GetSource(), m.GetPaused(), m.GetBehindCount(), m.GetLagSeconds(),
			m.GetTorrentCount(), m.GetRemovalCount(), m.GetRefusedCount(), m.GetWrongCount(), m.GetLeftOutCount()})
	}
	return mirrored
}

// mirrorText says how far mirrors are, a line each.
func mirrorText(all []*torrentcachev1.MirrorStats) string {
	var lines strings.Builder
	for _, m := range all {
		fmt.Fprintf(&lines, "%-22s%s: ", "mirror of", m.GetSource())
		switch {
		case m.GetPaused():
			lines.WriteString("STOPPED, since it removed too many torrents (torrentcache mirror --help)")
		case m.GetLagSeconds() > 0:
			fmt.Fprintf(&lines, "%s behind, for %s", progress.Count(m.GetBehindCount(), "change"), time.Duration(m.GetLagSeconds())*time.Second)
		default:
			lines.WriteString("up to date")
		}
		fmt.Fprintf(&lines, "; %s stored, %s, %s refused, %s wrong, %s left out\n", progress.Number(m.GetTorrentCount()),
			progress.Count(m.GetRemovalCount(), "removal"), progress.Number(m.GetRefusedCount()), progress.Number(m.GetWrongCount()), progress.Number(m.GetLeftOutCount()))
	}
	return lines.String()
}
