package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const verifyHelp = `Read every stored torrent and compare it with its checksum and its info hash.

  torrentcache verify                        the running server on this machine
  torrentcache verify --rate 20MB            at most 20 MB a second
  torrentcache verify --data-dir DIR         a folder that no server uses
  torrentcache verify --give-up              mark also what the disk cannot read

The report has a line for each torrent that is not well: the info hash of a damaged
one, and HASH unreadable for one that the disk cannot read. get takes such a report.

A running server with --mirror-of or --upstream fetches what is damaged or unreadable
from there at once: that is well then, and the last line says how many there were.

Damaged ones are marked in the store: a download answers TORRENT_DAMAGED, and the next
upload of the same torrent heals it. A torrent that cannot be read is not marked, since
a read that failed proves nothing: it counts as cached, and a download tries again.
When the disk will not read it any more, --give-up marks it as damaged, so that
FindMissingTorrents and push take it for missing. A later verify that can read it takes
the mark away.

In a folder that cannot be written nothing is marked.

Exit status: 0 all is well, 1 something is damaged, unreadable or missing, or verify did
not get to the end.
`

type verifySettings struct {
	site
	rate   config.Size // bytes a second; 0: no bound
	giveUp bool
	facts  facts
}

func newVerify(env environment) *cobra.Command {
	var s verifySettings
	s.facts.out = env.stdout
	c := &cobra.Command{
		Use:   "verify [--data-dir DIR | --admin HOST:PORT]",
		Short: "Check every stored torrent for damage",
		Long:  verifyHelp + folderHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := s.settings(c, env); err != nil {
				return err
			}
			return verify(c.Context(), s, env)
		},
	}
	s.addAdmin(c.Flags())
	s.addDataDir(c.Flags())
	s.facts.addFlag(c.Flags())
	c.Flags().Var(&s.rate, "rate", "most bytes to read a second; 0 is no bound")
	c.Flags().BoolVar(&s.giveUp, "give-up", false, "mark as damaged what the disk cannot read")
	return c
}

func verify(ctx context.Context, s verifySettings, env environment) error {
	r := &verifyRun{begin: time.Now(), giveUp: s.giveUp}
	display := progress.StartMaintenance(env.stderr, progress.Width(env.stderr), r.counts)
	var err error
	if s.dataDir != "" {
		err = r.folder(ctx, s, above{display})
	} else {
		err = r.server(ctx, s)
	}
	display.Stop()
	return r.conclude(ctx, err, s.facts)
}

// folder verifies the store of a folder.
func (r *verifyRun) folder(ctx context.Context, s verifySettings, log io.Writer) (err error) {
	st, err := openToVerify(s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.Close(st)) }()
	if err := r.store(ctx, st, diskstore.VerifyOptions{
		BytesPerSecond: int64(s.rate), GiveUp: s.giveUp, Check: server.CheckTorrent,
	}); err != nil {
		return err
	}
	stores.NoteOffline(ctx, st, stores.VerifyNote, log)
	return nil
}

// openToVerify opens the store of a folder. It can mark damaged torrents if the folder
// can be written; giving up needs that, since it marks, too.
func openToVerify(s verifySettings, log io.Writer) (*diskstore.Store, error) {
	st, err := stores.OpenFolder(s.dataDir, stores.FolderLogger(log))
	if !stores.CannotWrite(err) || s.giveUp {
		return st, err
	}
	st, readErr := stores.ReadFolder(s.dataDir, stores.FolderLogger(log))
	if readErr != nil {
		return nil, readErr
	}
	if _, err := fmt.Fprintf(log, "%s: what is damaged is not marked\n", err); err != nil {
		return nil, errors.Join(err, stores.Close(st))
	}
	return st, nil
}

// server has a running server verify its store.
func (r *verifyRun) server(ctx context.Context, s verifySettings) error {
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	answers, err := o.VerifyStore(ctx, &torrentcachev1.VerifyStoreRequest{MaxBytesPerSecond: int64(s.rate), GiveUp: s.giveUp})
	return follow(o, answers, err, r.note)
}

// conclude writes the report and returns the command's error.
func (r *verifyRun) conclude(ctx context.Context, failed error, out facts) error {
	if err := r.report(out, failed == nil); err != nil {
		return err
	}
	switch {
	case failed != nil && ctx.Err() != nil:
		return fmt.Errorf("interrupted after %s, %s of them damaged", progress.Count(r.checked, "torrent"), progress.Number(int64(len(r.damaged))))
	case failed != nil:
		return failed
	}
	if faults := r.faults(); len(faults) > 0 {
		return errors.New(strings.Join(append(faults, r.mendedText()...), "; "))
	}
	well := append([]string{"nothing is damaged"}, r.mendedText()...)
	if out.json {
		return nil // the report has it
	}
	return out.tell(nil, fmt.Sprintf("%s, %s read in %s: %s\n",
		progress.Count(r.checked, "torrent"), progress.Bytes(r.bytes), elapsed(r.begin), strings.Join(well, "; ")))
}

// faults returns what is not well, in numbers.
func (r *verifyRun) faults() []string {
	var faults []string
	if n := int64(len(r.damaged)); n > 0 {
		faults = append(faults, fmt.Sprintf("%s of %s torrents are damaged: upload them again to heal them",
			progress.Number(n), progress.Number(r.checked)))
	}
	if n := int64(len(r.unreadable)); n > 0 {
		cure := "try again, or mark what the disk cannot read with --give-up"
		if r.giveUp {
			cure = "marked as damaged, upload again to heal"
		}
		faults = append(faults, fmt.Sprintf("%s cannot be read: %s", progress.Count(n, "torrent"), cure))
	}
	if len(r.missing) > 0 {
		faults = append(faults, describeAllMissing(r.missing))
	}
	return faults
}

// elapsed is the time since begin, for people.
func elapsed(begin time.Time) time.Duration { return time.Since(begin).Round(100 * time.Millisecond) }
