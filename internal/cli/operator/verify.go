package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const verifyHelp = `Read every stored torrent and compare it with its checksum and its info hash.

  torrentcache verify                        the running server on this machine
  torrentcache verify --rate 20MB            at most 20 MB a second
  torrentcache verify --data-dir DIR         a folder that no server uses
  torrentcache verify --give-up              also mark unreadable torrents
The report has a line for each torrent that is not well: HASH for a damaged torrent,
HASH unreadable for one that the disk cannot read. get takes this report as its list.

A running server with --mirror-of or --upstream fetches damaged and unreadable torrents
from there at once. The report does not list them; its last line counts them.

verify marks damaged torrents in the store: a download answers TORRENT_DAMAGED, and the
next upload of the same torrent heals it. verify does not mark a torrent that cannot be
read, since one failed read proves nothing: the torrent counts as cached, and a download
tries again. When the disk does not recover, --give-up marks such torrents as damaged,
so that FindMissingTorrents and push take them for missing. A later verify that can read
a torrent removes its mark. In a read-only folder verify marks nothing.

Exit status: 0 all is well, 1 a torrent or segment file is damaged, unreadable or
missing, or verify did not get to the end.
`

type verifySettings struct {
	target
	rate   config.Size // bytes a second; 0: no limit
	giveUp bool
	facts  cli.Facts
}

// NewVerify returns the command verify.
func NewVerify(env cli.Environment) *cobra.Command {
	var s verifySettings
	s.facts.Out = env.Stdout
	c := &cobra.Command{
		Use:   "verify [--data-dir DIR | --admin HOST:PORT]",
		Short: "Check every stored torrent for damage",
		Long:  verifyHelp + folderHelp,
		Args:  cli.NoArguments,
		RunE: s.with(env, func(c *cobra.Command, _ []string) error {
			return verify(c.Context(), s, env)
		}),
	}
	s.addAdmin(c.Flags())
	s.addDataDir(c.Flags())
	s.facts.AddFlag(c.Flags())
	c.Flags().Var(&s.rate, "rate", "maximum bytes to read a second; 0 is no limit")
	c.Flags().BoolVar(&s.giveUp, "give-up", false, "mark torrents that the disk cannot read as damaged")
	return c
}

func verify(ctx context.Context, s verifySettings, env cli.Environment) error {
	r := &verifyRun{begin: time.Now(), giveUp: s.giveUp}
	display := progress.StartMaintenance(env.Stderr, progress.Width(env.Stderr), r.counts)
	var err error
	if s.dataDir != "" {
		err = r.folder(ctx, s, display)
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
		BytesPerSecond: int64(s.rate), GiveUp: s.giveUp, Check: admin.CheckTorrent,
	}); err != nil {
		return err
	}
	stores.NoteOffline(ctx, st, stores.VerifyNote, log)
	return nil
}

// openToVerify opens the store of a folder. If the folder is read-only, the store cannot mark
// damaged torrents; with --give-up, whose purpose is to mark, openToVerify then fails.
func openToVerify(s verifySettings, log io.Writer) (*diskstore.Store, error) {
	st, err := stores.OpenFolder(s.dataDir, stores.FolderLogger(log))
	if !stores.CannotWrite(err) || s.giveUp {
		return st, err
	}
	st, readErr := stores.ReadFolder(s.dataDir, stores.FolderLogger(log))
	if readErr != nil {
		return nil, readErr
	}
	if _, err := fmt.Fprintf(log, "%s: damaged torrents will not be marked\n", err); err != nil {
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
func (r *verifyRun) conclude(ctx context.Context, failed error, out cli.Facts) error {
	if err := r.report(out, failed == nil); err != nil {
		return err
	}
	switch {
	case failed != nil && ctx.Err() != nil:
		return fmt.Errorf("interrupted after %s, %s of them damaged", progress.Count(r.checked, "torrent"), progress.Number(int64(len(r.damaged))))
	case failed != nil:
		return failed
	}
	cure := ": try again, or mark them as damaged with --give-up"
	if r.giveUp {
		cure = ": marked as damaged, upload them again to heal them"
	}
	if faults := r.faults(": upload them again to heal them", cure); len(faults) > 0 {
		return errors.New(strings.Join(append(faults, r.repairedText()...), "; "))
	}
	well := append([]string{"nothing is damaged"}, r.repairedText()...)
	if out.JSON {
		return nil // the summary has the counts
	}
	return out.Print(nil, fmt.Sprintf("%s, %s read in %s: %s\n",
		progress.Count(r.checked, "torrent"), progress.Bytes(r.bytes), progress.Elapsed(r.begin), strings.Join(well, "; ")))
}
