package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/manual"
	"github.com/torrentcache/torrentcache/internal/reason"
)

const removeHelp = `Take torrents out: each info hash of a torrent answers TORRENT_REMOVED, for downloads
and uploads alike, until it is restored. One that was never cached is removed in
advance. FILE has a HASH a line; - is standard input.

  torrentcache remove --reason 'court order' --reference 'case 7' HASH
  torrentcache remove --reference 'list of 2026-05' --resume may.done list.txt
  torrentcache remove --dry-run list.txt
  torrentcache remove --erase HASH
  torrentcache remove --denied --dry-run

` + lists.Help + `
The bytes leave the disk within a day; until then restore brings them back. With
--erase they are off the disk when remove returns. Copies that browsers, proxies
and backups keep are theirs. Reason and reference stay in the store and in the
server's --audit-log; the public is not told.

--denied removes what the server hides because its --deny-list names it and has the
bytes of. The reference is the file and the line. It stays removed when the line goes.
` + listHelp + `
Exit status: 0 all are removed, 3 some are not, 1 remove did not get to the end.
`

const restoreHelp = `Undo removals. A torrent is back at once if its bytes are still on disk, else it
may be uploaded again. FILE has a HASH a line; - is standard input. Reason and
reference go to the server's --audit-log.

` + lists.Help + listHelp + `
--mirror HOST:PORT undoes all removals that were made here because a server that this
one mirrors made them, and goes on following it if it was stopped; what it has removed
up to now is passed over then.

Exit status: 0 all are restored, 3 some are not, 1 restore did not get to the end.
`

const listHelp = `
Lists may be long: 1,000 go into one call, and each line gets its answer. What failed
is named on standard error. With --resume FILE what the server acknowledged is noted
there. Stop the command any way you like, or lose the machine, and run it again with
the same FILE: only the rest is sent. What another reason, reference or --erase was
given for is other work; a run that is to begin anew takes another FILE.
--dry-run says what would be done, and does nothing.
`

// listSettings are the flags of what is done to lists of torrents. Reason and reference
// are for the store and the audit log.
type listSettings struct {
	site
	reason, reference string
	resume            string
	dryRun            bool
	facts             facts
}

func (s *listSettings) addFlags(flags *pflag.FlagSet) {
	s.addAdmin(flags)
	flags.StringVar(&s.reason, "reason", "", "why, for people, at most 1,024 bytes")
	flags.StringVar(&s.reference, "reference", "", "a case number or URL, at most 1,024 bytes")
	flags.StringVar(&s.resume, "resume", "", "`file` that notes what the server acknowledged, made if it is not there")
	flags.BoolVar(&s.dryRun, "dry-run", false, "say what would be done and do nothing")
	s.facts.addFlag(flags)
}

type removeSettings struct {
	listSettings
	erase, denied bool
}

func newRemove(env environment) *cobra.Command {
	var s removeSettings
	s.facts.out = env.stdout
	c := &cobra.Command{
		Use:               "remove HASH|MAGNET|FILE...",
		SuggestFor:        []string{"delete", "rm"},
		Short:             "Take torrents out and keep them out",
		Long:              removeHelp + adminHelp,
		ValidArgsFunction: manual.CompleteFiles,
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.settings(c, env); err != nil {
				return err
			}
			if s.denied {
				return s.removeDenied(c, args, env)
			}
			return s.run(c, args, env, fmt.Sprintf("remove erase=%t", s.erase), s.remove)
		},
	}
	s.addFlags(c.Flags())
	c.Flags().BoolVar(&s.erase, "erase", false, "have the bytes off the disk when it returns; restore cannot bring them back")
	c.Flags().BoolVar(&s.denied, "denied", false, "remove what the server's deny lists name and its store holds")
	return c
}

func newRestore(env environment) *cobra.Command {
	var s listSettings
	s.facts.out = env.stdout
	var source string // of a mirror, whose removals are to be undone
	c := &cobra.Command{
		Use:               "restore HASH|MAGNET|FILE...|--mirror HOST:PORT",
		Short:             "Undo the removal of torrents",
		Long:              restoreHelp + adminHelp,
		ValidArgsFunction: manual.CompleteFiles,
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.settings(c, env); err != nil {
				return err
			}
			if source != "" {
				return restoreMirror(c.Context(), &s, source, args)
			}
			return s.run(c, args, env, "restore", s.restore)
		},
	}
	s.addFlags(c.Flags())
	c.Flags().StringVar(&source, "mirror", "", "undo what this source of --mirror-of (`host:port`) removed here")
	return c
}

// remove removes a page of a list.
func (s *removeSettings) remove(ctx context.Context, o *operator, hashes []string) ([]listResult, error) {
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

// restore restores a page of a list.
func (s *listSettings) restore(ctx context.Context, o *operator, hashes []string) ([]listResult, error) {
	answer, err := o.RestoreTorrents(ctx, &torrentcachev1.RestoreTorrentsRequest{
		InfoHashes: hashes, Reason: s.reason, Reference: s.reference, DryRun: s.dryRun})
	results := make([]listResult, len(answer.GetResults()))
	for i, r := range answer.GetResults() {
		results[i] = s.result(r.GetError(), "restored")
		if is := r.GetRestored().GetCached(); results[i].err == nil && !s.dryRun {
			results[i].cached = &is
			if !is {
				results[i].text += "; its bytes are gone, it may be uploaded again"
			}
		}
	}
	return results, err
}

// result is the result of a hash that failed, or was done.
func (s *listSettings) result(failed *torrentcachev1.ItemError, done string) listResult {
	switch {
	case failed != nil:
		return listResult{err: reason.New(reason.Reason(failed.GetReason()), "%s", failed.GetMessage())}
	case s.dryRun:
		return listResult{text: "would be " + done}
	}
	return listResult{text: done}
}
