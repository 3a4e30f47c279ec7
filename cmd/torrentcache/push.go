package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/manual"
	"github.com/torrentcache/torrentcache/internal/push"
)

const pushHelp = `Cache torrents, any number of them: files, folders with all below, tar archives
(plain, gzip, bzip2, xz, zstd) and zip archives, which are read without unpacking.
A PATH with *?[ in it that is no file is a pattern; - stands for a list of paths
on standard input, one a line.

  torrentcache push my.torrent ~/torrents
  torrentcache push --resume push.journal /srv/torrage backup-2012.tar.xz
  find / -name '*.torrent' | torrentcache push -
  torrentcache push --dry-run --json ~/torrents
  torrentcache push --watch ~/new

Info hashes are computed here, the server is asked which it lacks, and only those
are sent. Files and members that are gzip or bzip2 inside are inflated first.
Below folders and in archives *.torrent files and all else that begins as a
torrent are taken; ._* files, Thumbs.db, *.part and the like are skipped.

When the server is away, restarting, busy or full, push waits and tries again,
for --patience. A certificate that cannot be verified ends it at once.

With --resume FILE it notes there what the server acknowledged. Stop it any way you like, or lose the machine, and run it again with the same
FILE: what was acknowledged is neither read nor sent again, inside archives too
(the server is asked whether it still has it). Files are recognized by path,
size and modification time.

--watch goes on: what appears in the folders, or changes, is pushed once it has
stayed the same for --interval. Writing elsewhere and moving it in is safest.

Private torrents are skipped and counted, because their announce URLs often hold
somebody's passkey; --include-private pushes them. Torrents that are not private, but
have a passkey in an announce URL, are left out and count as refused ones do;
--include-passkeys pushes them.

Exit status: 0 everything is cached (private ones aside), 3 some were refused, left
out for a passkey, or unreadable (--report FILE lists them) or, with --dry-run, are
missing, 1 push did not get to the end.
`

// pushSettings are the flags of push.
type pushSettings struct {
	remote
	push.Options
}

func newPush(env environment) *cobra.Command {
	var s pushSettings
	c := &cobra.Command{
		Use:               "push PATH...",
		SuggestFor:        []string{"add", "put", "upload"},
		Short:             "Cache torrents from files, folders and archives",
		Long:              pushHelp + remoteHelp,
		ValidArgsFunction: manual.CompleteFiles,
		RunE: func(c *cobra.Command, paths []string) error {
			if err := settings(c, env, func() error { return s.validate(paths) }); err != nil {
				return err
			}
			return s.run(env, c.InOrStdin(), func(client *client.Client, o push.Options) error {
				return push.Paths(c.Context(), client, paths, o)
			})
		},
	}
	flags := c.Flags()
	s.addFlags(flags)
	flags.StringVar(&s.Resume, "resume", "", "`file` that notes what the server acknowledged, made if it is not there")
	s.addReports(flags)
	flags.BoolVar(&s.IncludePrivate, "include-private", false, "push private torrents too")
	flags.BoolVar(&s.IncludePasskeys, "include-passkeys", false, "push torrents with a passkey in an announce URL too")
	flags.BoolVar(&s.Watch, "watch", false, "go on, and push what appears in the folders")
	config.DurationVar(flags, &s.Interval, "interval", 2*time.Second, "with --watch: how often to look")
	flags.BoolVarP(&s.Null, "null", "0", false, "with -: a NUL ends each path instead of a line feed")
	flags.IntVar(&s.Streams, "streams", 4, "how many streams to send over in parallel")
	config.DurationVar(flags, &s.Patience, "patience", 5*time.Minute, "give up when the server has been away, busy or full for this long")
	return c
}

// addReports adds the flags of what push and import tell.
func (s *pushSettings) addReports(flags *pflag.FlagSet) {
	flags.StringVar(&s.Report, "report", "", "write each refused, left out or unreadable file to this `file`: name, reason, message, between tabs")
	flags.BoolVar(&s.DryRun, "dry-run", false, "say what is missing and send nothing")
	flags.BoolVar(&s.JSON, "json", false, "write a JSON object per file, and a last one with the counts, one a line")
}

func (s *pushSettings) validate(paths []string) error {
	switch {
	case len(paths) == 0:
		return errors.New("push what? Want files, folders, archives, or - for a list on standard input (torrentcache push --help)")
	case s.Streams < 1 || s.Streams > 64:
		return fmt.Errorf("--streams %d: want 1 to 64", s.Streams)
	case s.Patience <= 0:
		return fmt.Errorf("--patience %s: want more than zero", s.Patience)
	case s.Interval <= 0:
		return fmt.Errorf("--interval %s: want more than zero", s.Interval)
	}
	if s.Watch {
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || !info.IsDir() {
				return fmt.Errorf("--watch %s: want folders that exist", path)
			}
		}
	}
	return s.remote.validate()
}

// pushMemory makes Go collect garbage early enough that push stays well below
// 200 MB; GOMEMLIMIT says otherwise. In bytes. Up to there garbage may come to
// twice what is in use (GOGC says otherwise).
const (
	pushMemory  = 150 << 20
	pushGarbage = 200 // percent
)

// run has send push to the server that the flags name.
func (s *pushSettings) run(env environment, stdin io.Reader, send func(*client.Client, push.Options) error) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(pushMemory)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(pushGarbage)
	}
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	o := s.Options
	o.MaxTorrentSize, o.Stdin, o.Stdout, o.Stderr = int64(s.maxTorrentSize), stdin, env.stdout, env.stderr
	err = send(c, o)
	if _, ok := errors.AsType[*push.LackingError](err); ok {
		return &exitError{exitSomeFailed, err.Error()}
	}
	return err
}
