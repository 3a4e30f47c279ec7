package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/manual"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/reason"
)

const listHelp = `
Lists may be long: one call takes 1,000 info hashes, and the output has a line for each.
Failures go to standard error. With --resume FILE the command notes in FILE what the
server acknowledged. Stop the command in any way, or lose the machine, and run it again
with the same FILE: it sends only the rest. A run with another reason, reference or
--erase does not skip what FILE notes. To begin anew, use another FILE.
--dry-run shows what would be done, and does nothing.
`

const removeHelp = `Remove torrents: until a torrent is restored, downloads and uploads of all its info
hashes answer TORRENT_REMOVED. A torrent that was never cached is removed in advance.
FILE has one HASH a line; - is standard input.

  torrentcache remove --reason 'court order' --reference 'case 7' HASH
  torrentcache remove --reference 'list of 2026-05' --resume may.done list.txt
  torrentcache remove --dry-run list.txt
  torrentcache remove --erase HASH
  torrentcache remove --denied --dry-run

` + lists.Help + `
The bytes leave the disk within a day; until then restore brings them back. With
--erase they are off the disk when remove returns. remove does not reach the copies
that browsers, proxies and backups keep. The store and the server's --audit-log keep
the reason and the reference; the public does not see them.

--denied removes the cached torrents that the server hides because its --deny-list
names them. The reference is the file and the line. The torrents stay removed when
the line goes.
` + listHelp + `
Exit status: 0 all are removed, 3 some are not, 1 remove did not get to the end.
`

const restoreHelp = `Undo removals. A torrent is back at once if its bytes are still on disk; otherwise it
can be uploaded again. FILE has one HASH a line; - is standard input. Reason and
reference go to the server's --audit-log.

` + lists.Help + listHelp + `
--mirror HOST:PORT undoes all removals that this server made because it mirrors
HOST:PORT. If the mirror was stopped, it goes on following HOST:PORT, and skips the
removals that HOST:PORT has made until then.

Exit status: 0 all are restored, 3 some are not, 1 restore did not get to the end.
`

type removeSettings struct {
	listSettings
	erase, denied bool
}

// NewRemove returns the command remove.
func NewRemove(env cli.Environment) *cobra.Command {
	var s removeSettings
	s.facts.Out = env.Stdout
	c := &cobra.Command{
		Use:               "remove HASH|MAGNET|FILE...",
		SuggestFor:        []string{"delete", "rm"},
		Short:             "Remove torrents and refuse their uploads",
		Long:              removeHelp + adminHelp,
		ValidArgsFunction: manual.CompleteFiles,
		RunE: s.with(env, func(c *cobra.Command, args []string) error {
			if s.denied {
				return s.removeDenied(c, args, env, s.erase)
			}
			return s.run(c, args, env, fmt.Sprintf("remove erase=%t", s.erase), s.remove)
		}),
	}
	s.addFlags(c.Flags())
	c.Flags().BoolVar(&s.erase, "erase", false, "erase the bytes from the disk at once; restore cannot bring them back")
	c.Flags().BoolVar(&s.denied, "denied", false, "remove the cached torrents that the server's deny lists name")
	return c
}

// NewRestore returns the command restore.
func NewRestore(env cli.Environment) *cobra.Command {
	var s listSettings
	s.facts.Out = env.Stdout
	var source string // the mirrored server whose removals are to be undone
	c := &cobra.Command{
		Use:               "restore HASH|MAGNET|FILE...|--mirror HOST:PORT",
		Short:             "Undo the removal of torrents",
		Long:              restoreHelp + adminHelp,
		ValidArgsFunction: manual.CompleteFiles,
		RunE: s.with(env, func(c *cobra.Command, args []string) error {
			if source != "" {
				return restoreMirror(c.Context(), &s, source, args)
			}
			return s.run(c, args, env, "restore", s.restore)
		}),
	}
	s.addFlags(c.Flags())
	c.Flags().StringVar(&source, "mirror", "", "undo the removals that came from this `host:port` of --mirror-of")
	return c
}

// restoreMirror undoes the removals that the server made for source.
func restoreMirror(ctx context.Context, s *listSettings, source string, args []string) error {
	if len(args) > 0 {
		return errors.New("--mirror undoes all removals that came from a server: give no info hashes or files with it")
	}
	n, err := resumeMirror(ctx, &s.target, source, true)
	if err != nil {
		return err
	}
	return s.facts.Print(cli.Summary(map[string]int64{"restored": n}), progress.Count(n, "torrent")+" restored\n")
}

// remove removes the torrents of one page of a list.
func (s *removeSettings) remove(ctx context.Context, o *connection, hashes []string) ([]listResult, error) {
	answer, err := o.RemoveTorrents(ctx, &torrentcachev1.RemoveTorrentsRequest{
		InfoHashes: hashes, Reason: s.reason, Reference: s.reference, Erase: s.erase, DryRun: s.dryRun})
	results := make([]listResult, len(answer.GetResults()))
	for i, r := range answer.GetResults() {
		results[i] = s.result(r.GetError(), "removed")
		if was := r.GetRemoved().GetWasCached(); results[i].err == nil {
			results[i].cached = &was
			if !was {
				results[i].text += "; it was not cached"
			}
		}
	}
	return results, err
}

// restore restores the torrents of one page of a list.
func (s *listSettings) restore(ctx context.Context, o *connection, hashes []string) ([]listResult, error) {
	answer, err := o.RestoreTorrents(ctx, &torrentcachev1.RestoreTorrentsRequest{
		InfoHashes: hashes, Reason: s.reason, Reference: s.reference, DryRun: s.dryRun})
	results := make([]listResult, len(answer.GetResults()))
	for i, r := range answer.GetResults() {
		results[i] = s.result(r.GetError(), "restored")
		if is := r.GetRestored().GetCached(); results[i].err == nil && !s.dryRun {
			results[i].cached = &is
			if !is {
				results[i].text += "; its bytes are gone, and it can be uploaded again"
			}
		}
	}
	return results, err
}

// result returns the result for one info hash: the error failed, or the text done if failed is nil.
func (s *listSettings) result(failed *torrentcachev1.ItemError, done string) listResult {
	switch {
	case failed != nil:
		return listResult{err: reason.New(reason.Reason(failed.GetReason()), "%s", failed.GetMessage())}
	case s.dryRun:
		return listResult{text: "would be " + done}
	}
	return listResult{text: done}
}
