package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const verifyHelp = `Read every stored torrent and compare it with its checksum and its info hash.

  torrentcache verify                        the running server on this machine
  torrentcache verify --rate 20MB            at most 20 MB a second
  torrentcache verify --data-dir DIR         a folder that no server uses

The report names the info hashes of damaged torrents, one a line. They are marked
in the store: a download answers TORRENT_DAMAGED, and the next upload of the same
torrent heals it.

Exit status: 0 nothing is damaged, 1 something is, or verify did not get to the end.
`

type verifySettings struct {
	site
	rate config.Size // bytes a second; 0: no bound
}

func newVerify(env environment) *cobra.Command {
	var s verifySettings
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
	c.Flags().Var(&s.rate, "rate", "most bytes to read a second; 0 is no bound")
	return c
}

func verify(ctx context.Context, s verifySettings, env environment) error {
	r := &verifyRun{begin: time.Now()}
	display := progress.StartMaintenance(env.stderr, terminalWidth(env.stderr), r.counts)
	var err error
	if s.dataDir != "" {
		err = r.folder(ctx, s, above{display})
	} else {
		err = r.server(ctx, s)
	}
	display.Stop()
	return r.conclude(ctx, err, env.stdout)
}

// verifyRun is one run of verify.
type verifyRun struct {
	begin time.Time

	mu                    sync.Mutex
	checked, total, bytes int64
	damaged               []string
}

func (r *verifyRun) counts() progress.Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return progress.Counts{Files: r.checked, TotalFiles: r.total, Bytes: r.bytes, Refused: int64(len(r.damaged))}
}

func (r *verifyRun) note(checked, total, bytes int64, damaged []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checked, r.total, r.bytes = checked, total, bytes
	r.damaged = append(r.damaged, damaged...)
}

// folder verifies the store of a folder.
func (r *verifyRun) folder(ctx context.Context, s verifySettings, log io.Writer) (err error) {
	st, err := openFolder(s.dataDir, folderLogger(log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing(st)) }()
	_, err = st.Verify(ctx, diskstore.VerifyOptions{
		BytesPerSecond: int64(s.rate),
		Check:          server.CheckTorrent,
		Progress: func(p diskstore.VerifyProgress) {
			damaged := make([]string, len(p.Damaged))
			for i, id := range p.Damaged {
				damaged[i] = id.String()
			}
			r.note(p.Checked, p.Total, p.Bytes, damaged)
		},
	})
	return err
}

// server has a running server verify its store.
func (r *verifyRun) server(ctx context.Context, s verifySettings) error {
	o, err := s.dial()
	if err != nil {
		return err
	}
	defer o.close()
	answers, err := o.VerifyStore(ctx, &torrentcachev1.VerifyStoreRequest{MaxBytesPerSecond: int64(s.rate)})
	return follow(o, answers, err, func(a *torrentcachev1.VerifyStoreResponse) {
		r.note(a.GetCheckedCount(), a.GetTotalCount(), a.GetCheckedBytes(), a.GetDamagedInfoHashes())
	})
}

// conclude writes the report and returns the command's error.
func (r *verifyRun) conclude(ctx context.Context, failed error, out io.Writer) error {
	for _, hash := range r.damaged {
		if _, err := fmt.Fprintln(out, hash); err != nil {
			return err
		}
	}
	switch {
	case failed != nil && ctx.Err() != nil:
		return fmt.Errorf("interrupted after %s, %s of them damaged", progress.Count(r.checked, "torrent"), progress.Number(int64(len(r.damaged))))
	case failed != nil:
		return failed
	case len(r.damaged) > 0:
		return fmt.Errorf("%s of %s torrents are damaged: upload them again to heal them",
			progress.Number(int64(len(r.damaged))), progress.Number(r.checked))
	}
	_, err := fmt.Fprintf(out, "%s, %s read in %s: nothing is damaged\n",
		progress.Count(r.checked, "torrent"), progress.Bytes(r.bytes), elapsed(r.begin))
	return err
}

// elapsed is the time since begin, for people.
func elapsed(begin time.Time) time.Duration { return time.Since(begin).Round(100 * time.Millisecond) }
