// Command torrentcache-resolver looks for torrents whose info hash alone is known. It asks the
// DHT and trackers for peers, gets the metadata from those peers, and puts the torrents into a
// torrentcache server.
//
// It is a separate program, so that a server is never a node of the DHT; see docs/resolver.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/anacrolix/log"
	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/resolver/internal/dhtnode"
)

func main() {
	ctx, stop := lifecycle.OnSignal(context.Background(), func(s os.Signal) {
		fmt.Fprintf(os.Stderr, "torrentcache-resolver: ended at once by a second signal (%s)\n", s)
		os.Exit(1)
	})
	log.Default = dhtnode.Silent() // a part of the DHT's package logs here, not to its own logger
	status := run(ctx, os.Args[1:], environment{os.Environ(), os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(status)
}

// environment is the program's input and output besides its arguments.
type environment struct {
	environ        []string // as of os.Environ
	stdin          io.Reader
	stdout, stderr io.Writer
}

// Exit statuses. The others are 0 if all were found, and 1 if the program could not finish.
const (
	exitSome = 3 // some were not found
	exitNone = 4 // none was found
)

// exitError is an error with an exit status of its own.
type exitError struct {
	status int
	text   string
}

func (e *exitError) Error() string { return e.text }

// run runs the program until it is done or ctx ends. It reports an error as one line on stderr,
// and returns the exit status.
func run(ctx context.Context, args []string, env environment) int {
	c := newCommand(env)
	c.SetArgs(args)
	if err := c.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(env.stderr, "torrentcache-resolver: %s\n", config.FlagError(err))
		if e, ok := errors.AsType[*exitError](err); ok {
			return e.status
		}
		return 1
	}
	return 0
}

const help = `Look for torrents of which only the info hash is known, and put them into a
torrentcache server. The server names them: what its readers miss, if it was started
with --max-wanted. It needs a key with the roles sync and write, if there are keys.

  torrentcache-resolver --server 127.0.0.1:9090

With - the lines of standard input name them: info hashes, magnet links, addresses
of downloads.

  echo 'magnet:?xt=urn:btih:...' | torrentcache-resolver --server 127.0.0.1:9090 -

Peers are found by the DHT, the trackers of a magnet link, and --trackers. From
peers comes the metadata of the torrent (BEP 9) and nothing else: no content is
loaded, nothing is announced or uploaded. Others see that this address looks for
these info hashes: read docs/resolver.md before you run it.

A torrent is looked for up to a minute, 200 at a time. What is found counts at the
server as fetched: it has the trackers of the magnet link, a v2 torrent has no
piece layers, and any upload takes its place.

What is not found is looked for again after ten minutes at the earliest, if it is
still wanted, and then after twice as long each time, up to a day.

Exit status with -: 0 everything was found, or was cached already; 3 some were not found;
4 none was; 1 the program did not get to its end.

Every flag can also be set in the environment: --server by TORRENTCACHE_SERVER, and
--token by TORRENTCACHE_TOKEN, where other users of the machine do not see it.`

func newCommand(env environment) *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use:           "torrentcache-resolver [-]",
		Short:         "Find torrents by their info hash in the swarm",
		Long:          help,
		Version:       buildinfo.Read().Version,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] != "-" {
				return errors.New("want nothing, or - for a list on standard input (torrentcache-resolver --help)")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := config.Fill(c.Flags(), env.environ); err != nil {
				return err
			}
			if err := s.validate(); err != nil {
				return err
			}
			if len(args) == 0 {
				return watch(c.Context(), s, env)
			}
			return list(c.Context(), s, env)
		},
	}
	c.SetOut(env.stdout)
	c.SetErr(env.stderr)
	s.addFlags(c.Flags())
	return c
}
