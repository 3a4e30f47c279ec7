package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/store"
)

const migrateHelp = `Move all torrents and removals elsewhere: out of a running server, a folder or a
bucket, into a bucket or a folder.

  torrentcache migrate --follow --from server:127.0.0.1:9091 \
      --to 's3://torrents?region=eu-west-1'
  torrentcache migrate --from 's3://torrents?region=eu-west-1' --to disk:./copy

server:HOST:PORT is the admin listener of a server, which goes on serving. It must let
the caller follow its feed: by a key with the roles admin and sync (--token,
--token-file), or, without keys, by --anonymous=read,write,sync. disk:DIR is a folder
that no server uses. Buckets take their credentials from where serve does.

Torrents go over with the rank of their writers, unless they have a higher one there,
removals with reason, reference and time. Each torrent is checked against its info
hash; those that are damaged, or name other content there, are listed and left out. One
that the disk cannot read ends migrate after five minutes: mark it in the source with
torrentcache verify --give-up, and go on. The time at which a torrent was stored becomes
that of the move. Removed torrents go over without their bytes.

Stopped at any time and started again, it goes on where it was: --state has the
place. With --follow it goes on with what changes until it is interrupted: when it
says that it has caught up, stop the old server, let migrate do the rest from its
folder (--from disk:DIR, the same --state), and start the new ones.
docs/distributed.md has it step by step.

Exit status: 0 the destination has everything, 1 something is missing.
`

type migrateSettings struct {
	from, to, state string
	follow          bool
	parallel        int
	token           token
	facts           facts
}

func newMigrate(env environment) *cobra.Command {
	s := migrateSettings{facts: facts{out: env.stdout}}
	c := &cobra.Command{
		Use:   "migrate --from STORE --to STORE",
		Short: "Move all torrents elsewhere while they are served",
		Long:  migrateHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings(c, env, s.validate); err != nil {
				return err
			}
			return runMigrate(c.Context(), s, env)
		},
	}
	flags := c.Flags()
	flags.StringVar(&s.from, "from", "", "where the torrents are: server:HOST:PORT (an admin listener), disk:DIR, or s3://BUCKET/PREFIX with ?endpoint=URL&region=NAME (required)")
	flags.StringVar(&s.to, "to", "", "where they go: s3://... or disk:DIR (required)")
	flags.StringVar(&s.state, "state", "torrentcache-migrate.json", "`file` with the place to go on from")
	flags.BoolVar(&s.follow, "follow", false, "go on with what changes, until interrupted")
	flags.IntVar(&s.parallel, "parallel", 32, "how many torrents are under way at a time")
	s.token.addFlags(flags)
	s.facts.addFlag(flags)
	return c
}

func (s *migrateSettings) validate() error {
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

// isPlace reports whether name is a folder's or a bucket's, in form.
func isPlace(name string) bool {
	dir, isDisk := strings.CutPrefix(name, "disk:")
	return isDisk && dir != "" || strings.HasPrefix(name, "s3://")
}

// migrateSource is what migrate reads.
type migrateSource interface {
	migrate.Source
	Stats(ctx context.Context) (store.Stats, error)
	io.Closer
}

const serverPrefix = "server:"

// openSource opens what --from names.
func (s *migrateSettings) openSource(ctx context.Context, log io.Writer) (migrateSource, error) {
	address, isServer := strings.CutPrefix(s.from, serverPrefix)
	if !isServer {
		st, err := openStoreAt(ctx, "--from", s.from, true, log)
		if err != nil {
			return nil, err
		}
		return st, nil
	}
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("--from %s: want server:HOST:PORT", s.from)
	}
	key, err := s.token.read()
	if err != nil {
		return nil, err
	}
	return dialSource(address, key)
}

// migratePatience is how long either side may be unavailable.
const migratePatience = 5 * time.Minute

func runMigrate(ctx context.Context, s migrateSettings, env environment) (err error) {
	state, err := migrate.ReadState(s.state, s.to)
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	r := &migrateRun{before: state.Changes, begin: time.Now()}
	display := progress.StartMaintenance(env.stderr, progress.Width(env.stderr), r.counts)
	defer display.Stop()
	from, err := s.openSource(ctx, above{display})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openStoreAt(ctx, "--to", s.to, false, above{display})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.Close(to)) }()
	r.measure(ctx, from)
	err = migrate.Run(ctx, r.options(ctx, s, from, to, state, display), &r.done)
	return r.conclude(ctx, err, s.facts)
}

// options are those of the run of these settings.
func (r *migrateRun) options(ctx context.Context, s migrateSettings, from migrateSource, to store.Store, state migrate.State, display *progress.Display) migrate.Options {
	told := false
	return migrate.Options{
		From: from, To: to, After: state.Cursor, Parallel: s.parallel, Follow: s.follow, Patience: migratePatience,
		Save: func(at store.Cursor) error {
			r.measure(ctx, from)
			return migrate.State{To: s.to, Cursor: at, Changes: r.before + r.done.Changes.Load()}.Write(s.state)
		},
		CaughtUp: func() {
			if !told { // once: a busy source is caught up with every second
				display.Print("caught up: the destination has all that the source has now")
			}
			told = true
		},
		Refused: func(id infohash.ID, err error) { display.Print(fmt.Sprintf("%s is left out: %s", id, err)) },
	}
}
