package operator

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
)

const mirrorHelp = `Go on following a mirrored server. The mirror stops following a server that removes
more than 1 % of all torrents in an hour.
  torrentcache mirror resume HOST:PORT      make its removals here, too
  torrentcache restore --mirror HOST:PORT   undo its removals here

HOST:PORT is a value of --mirror-of; torrentcache stats lists them. For an hour after
resume the mirror does not count removals.
`

// NewMirror returns the command mirror.
func NewMirror(env cli.Environment) *cobra.Command {
	c := &cobra.Command{
		Use:   "mirror",
		Short: "Go on following a mirrored server",
		Long:  mirrorHelp + adminHelp,
	}
	var s target
	out := cli.Facts{Out: env.Stdout}
	resume := &cobra.Command{
		Use:               "resume HOST:PORT",
		ValidArgsFunction: cobra.NoFileCompletions,
		Short:             "Make the removals that stopped the mirror, and go on",
		Long:              mirrorHelp + adminHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("resume which mirror? Want one HOST:PORT of --mirror-of (torrentcache stats lists them)")
			}
			return nil
		},
		RunE: s.with(env, func(c *cobra.Command, args []string) error {
			if _, err := resumeMirror(c.Context(), &s, args[0], false); err != nil {
				return err
			}
			return out.Print(cli.Summary(map[string]string{"source": args[0], "status": "resumed"}), args[0]+" is followed again\n")
		}),
	}
	s.addAdmin(resume.Flags())
	out.AddFlag(resume.Flags())
	c.AddCommand(resume)
	return c
}

// resumeMirror makes the server follow source again. If restore is true, the server skips the
// removals that source has made so far, and then undoes those made here. resumeMirror returns how
// many torrents it restored.
func resumeMirror(ctx context.Context, s *target, source string, restore bool) (int64, error) {
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
