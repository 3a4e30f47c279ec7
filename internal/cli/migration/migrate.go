// Package migration has the command migrate. It opens the source and the destination (a running
// server, a folder or a bucket), has package migrate move the torrents, and shows the progress.
package migration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/store"
)

const help = `Move all torrents and removals elsewhere: out of a running server, a folder or a
bucket, into a bucket or a folder.

  torrentcache migrate --follow --from server:127.0.0.1:9091 \
      --to 's3://torrents?region=eu-west-1'
  torrentcache migrate --from 's3://torrents?region=eu-west-1' --to disk:./copy

server:HOST:PORT is the admin listener of a server, which goes on serving. It must let
the caller follow its feed: the caller has a key with the roles admin and sync
(--token, --token-file), or the server has no keys and --anonymous=read,write,sync.
disk:DIR is a folder that no server uses. migrate finds the credentials of a bucket
where serve does.

A torrent keeps the rank of its writer, or a higher one that it has at the destination.
A removal keeps its reason, reference and time; the bytes of a removed torrent are not
moved. migrate checks each torrent against its info hash. It lists and leaves out
torrents that are damaged, or whose content differs from that of the destination. A
torrent that the disk cannot read ends migrate after five minutes: mark it in the
source with torrentcache verify --give-up, and run migrate again. The time at which a
torrent was stored becomes the time of the move.

You can stop migrate at any time. Started again, it goes on from the place that
--state holds. With --follow it also moves later changes, until it is interrupted.
When it says that it has caught up, stop the old server, let migrate do the rest from
its folder (--from disk:DIR, the same --state), and start the new servers.
docs/distributed.md describes each step.

Exit status: 0 the destination has everything, 1 something is missing.
`

type settings struct {
	from, to, state string
	follow          bool
	parallel        int
	token           cli.Token
	facts           cli.Facts
}

// NewMigrate returns the command migrate.
func NewMigrate(env cli.Environment) *cobra.Command {
	s := settings{facts: cli.Facts{Out: env.Stdout}}
	c := &cobra.Command{
		Use:   "migrate --from STORE --to STORE",
		Short: "Move all torrents elsewhere while they are served",
		Long:  help,
		Args:  cli.NoArguments,
		RunE: env.Run(s.validate, func(c *cobra.Command, _ []string) error {
			return move(c.Context(), s, env)
		}),
	}
	flags := c.Flags()
	flags.StringVar(&s.from, "from", "", "where the torrents are: server:HOST:PORT (an admin listener), disk:DIR, or s3://BUCKET/PREFIX with ?endpoint=URL&region=NAME (required)")
	flags.StringVar(&s.to, "to", "", "where they go: s3://... or disk:DIR (required)")
	flags.StringVar(&s.state, "state", "torrentcache-migrate.json", "`file` that holds the place to go on from")
	flags.BoolVar(&s.follow, "follow", false, "also move later changes, until interrupted")
	flags.IntVar(&s.parallel, "parallel", 32, "how many torrents to move at a time")
	s.token.AddFlags(flags)
	s.facts.AddFlag(flags)
	return c
}

func (s *settings) validate() error {
	switch {
	case s.from == "" || s.to == "":
		return errors.New("--from and --to: both are required")
	case s.from == s.to:
		return errors.New("--from and --to are the same")
	case s.parallel < 1 || s.parallel > 1024:
		return fmt.Errorf("--parallel %d: want 1 to 1024", s.parallel)
	case s.state == "":
		return errors.New("--state is empty: want the name of a file")
	case !isPlace(s.from) && !strings.HasPrefix(s.from, serverPrefix):
		return fmt.Errorf("--from %q: want server:HOST:PORT, disk:DIR or s3://BUCKET/PREFIX", config.Redact(s.from))
	case !isPlace(s.to):
		return fmt.Errorf("--to %q: want disk:DIR or s3://BUCKET/PREFIX", config.Redact(s.to))
	}
	return nil
}

// isPlace reports whether name has the form of a folder or a bucket.
func isPlace(name string) bool {
	dir, isDisk := strings.CutPrefix(name, "disk:")
	return isDisk && dir != "" || strings.HasPrefix(name, "s3://")
}

const serverPrefix = "server:"

// openSource opens the store that --from names.
func (s *settings) openSource(ctx context.Context, log io.Writer) (source, error) {
	address, isServer := strings.CutPrefix(s.from, serverPrefix)
	if !isServer {
		st, err := openStoreAt(ctx, "--from", s.from, true, log)
		if err != nil {
			return nil, err
		}
		return st, nil
	}
	if !config.IsHostPort(address) {
		return nil, fmt.Errorf("--from %s: want server:HOST:PORT", s.from)
	}
	key, err := s.token.Read()
	if err != nil {
		return nil, err
	}
	return dialSource(address, key)
}

// patience is how long the source or the destination may be unavailable before migrate gives up.
const patience = 5 * time.Minute

func move(ctx context.Context, s settings, env cli.Environment) (err error) {
	state, err := migrate.ReadState(s.state, s.to)
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	r := &run{before: state.Changes, begin: time.Now()}
	display := progress.StartMaintenance(env.Stderr, progress.Width(env.Stderr), r.counts)
	defer display.Stop()
	from, err := s.openSource(ctx, display)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openStoreAt(ctx, "--to", s.to, false, display)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.Close(to)) }()
	r.measure(ctx, from)
	err = migrate.Run(ctx, r.options(ctx, s, from, to, state, display), &r.done)
	return r.conclude(ctx, err, s.facts)
}

// options returns the options with which package migrate does this run.
func (r *run) options(ctx context.Context, s settings, from source, to store.Store, state migrate.State, display *progress.Display) migrate.Options {
	told := false
	return migrate.Options{
		From: from, To: to, After: state.Cursor, Parallel: s.parallel, Follow: s.follow, Patience: patience,
		Save: func(at store.Cursor) error {
			r.measure(ctx, from)
			return migrate.State{To: s.to, Cursor: at, Changes: r.before + r.done.Changes.Load()}.Write(s.state)
		},
		CaughtUp: func() {
			if !told { // once: with a busy source CaughtUp is called every second
				display.Print("caught up: the destination has everything that the source has at this moment")
			}
			told = true
		},
		Refused: func(id infohash.ID, err error) { display.Print(fmt.Sprintf("%s is left out: %s", id, err)) },
	}
}
