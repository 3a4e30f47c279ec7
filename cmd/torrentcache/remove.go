package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

const removeHelp = `Take torrents out: each info hash of a torrent answers TORRENT_REMOVED, for downloads
and uploads alike, until it is restored. One that was never cached is removed in
advance. FILE has a HASH a line; - is standard input.

  torrentcache remove --reason 'court order' --reference 'case 7' HASH
  torrentcache remove --reference 'list of 2026-05' list.txt
  torrentcache remove --erase HASH

` + pastedHelp + `
The bytes leave the disk within a day; until then restore brings them back. With
--erase they are off the disk when remove returns. Copies that browsers, proxies
and backups keep are theirs. Reason and reference stay in the store and in the
server's --audit-log; the public is not told.

Exit status: 0 all are removed, 3 some are not, 1 remove did not get to the end.
`

const restoreHelp = `Undo removals. A torrent is back at once if its bytes are still on disk, else it
may be uploaded again. FILE has a HASH a line; - is standard input. Reason and
reference go to the server's --audit-log.

` + pastedHelp + `
Exit status: 0 all are restored, 3 some are not, 1 restore did not get to the end.
`

// because says why, for the store and the audit log.
type because struct{ reason, reference string }

func (b *because) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&b.reason, "reason", "", "why, for people, at most 1,024 bytes")
	flags.StringVar(&b.reference, "reference", "", "a case number or URL, at most 1,024 bytes")
}

type removeSettings struct {
	site
	because
	erase bool
}

type restoreSettings struct {
	site
	because
}

func newRemove(env environment) *cobra.Command {
	var s removeSettings
	c := &cobra.Command{
		Use:               "remove HASH|MAGNET|FILE...",
		Short:             "Take torrents out and keep them out",
		Long:              removeHelp + adminHelp,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.settings(c, env); err != nil {
				return err
			}
			return s.each(c, args, env, s.remove)
		},
	}
	s.addAdmin(c.Flags())
	s.because.addFlags(c.Flags())
	c.Flags().BoolVar(&s.erase, "erase", false, "have the bytes off the disk when it returns; restore cannot bring them back")
	return c
}

func newRestore(env environment) *cobra.Command {
	var s restoreSettings
	c := &cobra.Command{
		Use:               "restore HASH|MAGNET|FILE...",
		Short:             "Undo the removal of torrents",
		Long:              restoreHelp + adminHelp,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.settings(c, env); err != nil {
				return err
			}
			return s.each(c, args, env, s.restore)
		},
	}
	s.addAdmin(c.Flags())
	s.because.addFlags(c.Flags())
	return c
}

// each calls do for each torrent that args name. What do returns is for people.
func (s *site) each(c *cobra.Command, args []string, env environment, do func(ctx context.Context, o *operator, hash string) (string, error)) error {
	if len(args) == 0 {
		return fmt.Errorf("%s what? Want info hashes, magnet links, files with one a line, or - for standard input (%s --help)", c.Name(), c.CommandPath())
	}
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	var listed error
	all, failed := 0, 0
	for text := range expandLists(args, c.InOrStdin(), &listed) {
		all++
		done, err := one(c.Context(), o, text, do)
		if c.Context().Err() != nil {
			return fmt.Errorf("interrupted after %d", all-1)
		}
		if err != nil {
			failed++
			if _, noHash := parseTorrentID(text); noHash != nil && slices.Contains(args, text) {
				err = fmt.Errorf("%w; and there is no file of that name", err)
			}
			fmt.Fprintf(env.stderr, "%s: %s\n", printable(text), oneLine(err.Error()))
			continue
		}
		if _, err := fmt.Fprintln(env.stdout, done); err != nil {
			return err
		}
	}
	switch {
	case listed != nil:
		return listed
	case failed > 0:
		return &exitError{exitSomeFailed, fmt.Sprintf("%s failed for %d of %d", c.Name(), failed, all)}
	}
	return nil
}

func one(ctx context.Context, o *operator, text string, do func(ctx context.Context, o *operator, hash string) (string, error)) (string, error) {
	id, err := parseTorrentID(text)
	if err != nil {
		return "", err
	}
	done, err := do(ctx, o, id.String())
	if err != nil {
		return "", o.explain(err)
	}
	return id.String() + " " + done, nil
}

func (s *removeSettings) remove(ctx context.Context, o *operator, hash string) (string, error) {
	answer, err := o.RemoveTorrent(ctx, &torrentcachev1.RemoveTorrentRequest{
		InfoHash: hash, Reason: s.reason, Reference: s.reference, Erase: s.erase})
	if err != nil {
		return "", err
	}
	if answer.GetWasCached() {
		return "removed", nil
	}
	return "removed; it was not cached", nil
}

func (s *restoreSettings) restore(ctx context.Context, o *operator, hash string) (string, error) {
	answer, err := o.RestoreTorrent(ctx, &torrentcachev1.RestoreTorrentRequest{InfoHash: hash, Reason: s.reason, Reference: s.reference})
	if err != nil {
		return "", err
	}
	if answer.GetCached() {
		return "restored", nil
	}
	return "restored; its bytes are gone, it may be uploaded again", nil
}
