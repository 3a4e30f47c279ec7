package user

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
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/manual"
	"github.com/torrentcache/torrentcache/internal/push"
)

const pushHelp = `Cache any number of torrents: from files, folders with their subfolders, tar archives
(plain, gzip, bzip2, xz, zstd) and zip archives, which push reads without unpacking
them. A PATH that contains *?[ and is no file is a pattern. A - stands for a list of
paths on standard input, one a line.

  torrentcache push my.torrent ~/torrents
  torrentcache push --resume push.journal /srv/torrage backup-2012.tar.xz
  find / -name '*.torrent' | torrentcache push -
  torrentcache push --dry-run --json ~/torrents
  torrentcache push --watch ~/new

push computes the info hashes, asks the server which torrents it lacks, and sends only
those. It inflates files and archive members that are gzip or bzip2 inside. In folders
and archives it takes *.torrent files, and other files that begin like a torrent; it
skips ._* files, Thumbs.db, *.part and the like.

When the server is away, restarting, busy or full, push tries again for as long as
--patience says. A certificate that cannot be verified ends push at once.
With --resume FILE push notes in FILE what the server acknowledged. Stop push in any
way, or lose the machine, and run it again with the same FILE: it neither reads nor
sends again what was acknowledged, not even inside archives (it asks the server whether
it still has the torrents). push recognizes files by path, size and modification time.

With --watch push goes on: it pushes each file that appears in the folders, or changes,
once the file has stayed the same for --interval. It is safest to write a file
elsewhere and to move it in.

push skips and counts private torrents, because their announce URLs often hold
somebody's passkey; --include-private pushes them. It leaves out torrents that are not
private but have a passkey in an announce URL, and counts them as refused;
--include-passkeys pushes them.

Exit status: 0 everything is cached (except private torrents), 3 some torrents were
refused, left out for a passkey, or unreadable (--report FILE lists them), or, with
--dry-run, are missing, 1 push did not get to the end.
`

// pushSettings are the flags of push.
type pushSettings struct {
	remote
	push.Options
}

// NewPush returns the command push.
func NewPush(env cli.Environment) *cobra.Command {
	var s pushSettings
	c := &cobra.Command{
		Use:               "push PATH...",
		SuggestFor:        []string{"add", "put", "upload"},
		Short:             "Cache torrents from files, folders and archives",
		Long:              pushHelp + remoteHelp,
		ValidArgsFunction: manual.CompleteFiles,
		RunE: func(c *cobra.Command, paths []string) error {
			if err := env.Settings(c, func() error { return s.validate(paths) }); err != nil {
				return err
			}
			return s.run(env, c.InOrStdin(), func(client *client.Client, o push.Options) error {
				return push.Paths(c.Context(), client, paths, o)
			})
		},
	}
	flags := c.Flags()
	s.addFlags(flags)
	flags.StringVar(&s.Resume, "resume", "", "`file` that notes what the server acknowledged, created if missing")
	s.addReports(flags)
	flags.BoolVar(&s.IncludePrivate, "include-private", false, "also push private torrents")
	flags.BoolVar(&s.IncludePasskeys, "include-passkeys", false, "also push torrents with a passkey in an announce URL")
	flags.BoolVar(&s.Watch, "watch", false, "go on, and push files that appear in the folders")
	config.DurationVar(flags, &s.Interval, "interval", 2*time.Second, "with --watch: how often to look")
	flags.BoolVarP(&s.Null, "null", "0", false, "with -: a NUL ends each path instead of a line feed")
	flags.IntVar(&s.Streams, "streams", 4, "how many streams to send torrents over in parallel")
	config.DurationVar(flags, &s.Patience, "patience", 5*time.Minute, "give up when the server has been away, busy or full for this long")
	return c
}

// addReports adds the flags for the output of push and import.
func (s *pushSettings) addReports(flags *pflag.FlagSet) {
	flags.StringVar(&s.Report, "report", "", "list refused, left out and unreadable files in this `file`: name, reason and message, separated by tabs")
	flags.BoolVar(&s.DryRun, "dry-run", false, "show which torrents are missing, and send nothing")
	flags.BoolVar(&s.JSON, "json", false, "write one JSON object a line: one per file, then one with the counts")
}

func (s *pushSettings) validate(paths []string) error {
	switch {
	case len(paths) == 0:
		return errors.New("push which torrents? Want files, folders, archives, or - for a list on standard input (torrentcache push --help)")
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

// pushMemory is the memory limit of push, in bytes, unless GOMEMLIMIT sets one: Go then collects
// garbage early enough that push stays well below 200 MB. Below that limit garbage may grow to
// pushGarbage percent of the memory in use, unless GOGC says otherwise.
const (
	pushMemory  = 150 << 20
	pushGarbage = 200 // percent
)

// run calls send with a client of the server that the flags name, and with the options of push.
func (s *pushSettings) run(env cli.Environment, stdin io.Reader, send func(*client.Client, push.Options) error) error {
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
	o.MaxTorrentSize, o.Stdin, o.Stdout, o.Stderr = int64(s.maxTorrentSize), stdin, env.Stdout, env.Stderr
	err = send(c, o)
	if _, ok := errors.AsType[*push.LackingError](err); ok {
		return cli.SomeFailed(err.Error())
	}
	return err
}

const importHelp = `Cache the torrents of a tar archive, such as export writes, from a file or standard
input, plain or compressed with gzip, bzip2, xz or zstd. import is push for your own
archive: it takes every member, also private torrents. Torrents that the server has
stay as they are, and removed torrents stay removed.

  torrentcache import torrents.tar.zst
  ssh old cat torrents.tar | torrentcache import
  torrentcache import --dry-run torrents.tar

Exit status: 0 everything is cached, 3 some torrents were refused or unreadable
(--report FILE lists them), or, with --dry-run, are missing, 1 import did not get to
the end, or the archive is empty, cut short or followed by other bytes.
`

// NewImport returns the command import.
func NewImport(env cli.Environment) *cobra.Command {
	s := pushSettings{Options: push.Options{
		IncludePrivate: true, IncludePasskeys: true, Streams: 4, Patience: 5 * time.Minute,
	}}
	c := &cobra.Command{
		Use:               "import [FILE.tar]",
		Short:             "Cache the torrents of a tar archive that export wrote",
		Long:              importHelp + remoteHelp,
		ValidArgsFunction: manual.CompleteFiles,
		RunE: env.Run(s.remote.validate, func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("import takes one archive, or none for standard input")
			}
			in := c.InOrStdin()
			if len(args) == 1 && args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				in = file
			}
			return s.run(env, nil, func(client *client.Client, o push.Options) error {
				return push.Archive(c.Context(), client, in, o)
			})
		}),
	}
	s.addFlags(c.Flags())
	s.addReports(c.Flags())
	return c
}
