package user

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/wholefile"
)

const getHelp = `Fetch torrents. A - stands for a list on standard input, one torrent a line.

  torrentcache get C12FE1C06BBA254A9DC9F519B335AA7C1367A88A
  torrentcache get -o ubuntu.torrent \
      'magnet:?xt=urn:btih:C12FE1C06BBA254A9DC9F519B335AA7C1367A88A'
  torrentcache get --out-dir torrents - < hashes.txt

` + lists.Help + `
get checks each torrent against its info hash and writes it to INFOHASH.torrent in
--out-dir, whole or not at all. It overwrites a file of that name.

Exit status: 0 all were fetched, 3 some were not, 1 get did not get to the end.
`

// getAtOnce is how many torrents are fetched in parallel.
const getAtOnce = 16

type getSettings struct {
	remote
	facts       cli.Facts
	out, outDir string
}

// NewGet returns the command get.
func NewGet(env cli.Environment) *cobra.Command {
	var s getSettings
	s.facts.Out = env.Stdout
	c := &cobra.Command{
		Use:        "get HASH|MAGNET...",
		SuggestFor: []string{"download", "fetch"},
		Short:      "Fetch torrents by info hash, magnet link or URL",
		Long:       getHelp + remoteHelp,
		RunE: func(c *cobra.Command, args []string) error {
			if err := env.Settings(c, func() error { return s.validate(args) }); err != nil {
				return err
			}
			return get(c.Context(), s, args, env, c.InOrStdin())
		},
	}
	s.addFlags(c.Flags())
	s.facts.AddFlag(c.Flags())
	c.Flags().StringVarP(&s.out, "out", "o", "", "write to this `file`; - is standard output; only with a single torrent")
	c.Flags().StringVar(&s.outDir, "out-dir", ".", "write INFOHASH.torrent files to this `folder`, created if missing")
	return c
}

func (s *getSettings) validate(args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("get which torrents? Want info hashes, magnet links, or - for a list on standard input (torrentcache get --help)")
	case s.out != "" && (len(args) > 1 || args[0] == "-"):
		return errors.New("--out is for a single torrent: use --out-dir")
	case s.out == "-" && s.facts.JSON:
		return errors.New("--out - and --json both write to standard output: want one of them")
	}
	return s.remote.validate()
}

func get(ctx context.Context, s getSettings, args []string, env cli.Environment, stdin io.Reader) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if s.out != "" {
		id, err := lists.ParseID(args[0])
		if err != nil {
			return err
		}
		return getOne(ctx, c, id, s.out, s.facts)
	}
	if err := os.MkdirAll(s.outDir, 0o755); err != nil {
		return fmt.Errorf("--out-dir: %w", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	g := &getter{client: c, dir: s.outDir, env: env, out: s.facts, stop: stop}
	var listed error
	g.all(ctx, lists.HashLines(lists.ExpandStdin(args, stdin, '\n', &listed)))
	if err := errors.Join(context.Cause(ctx), listed); err != nil {
		return err
	}
	if lost := g.lost.Load(); lost > 0 {
		return cli.SomeFailed(fmt.Sprintf("not fetched: %s of %s", progress.Number(lost), progress.Count(g.wanted.Load(), "torrent")))
	}
	return nil
}

// getOne fetches a torrent to a file, or to stdout if path is `-`.
func getOne(ctx context.Context, c *client.Client, id infohash.ID, path string, out cli.Facts) error {
	if path == "-" && progress.Width(out.Out) != nil {
		return errors.New("standard output is a terminal, and a torrent is binary: want a file (-o FILE) or a pipe")
	}
	torrent, err := c.Get(ctx, id)
	if cli.FailsEveryCall(err) {
		return err
	}
	if err != nil {
		return cli.SomeFailed(err.Error())
	}
	if path == "-" {
		_, err := out.Out.Write(torrent)
		return err
	}
	if err := save(path, torrent); err != nil {
		return err
	}
	return out.Print(fetchedItem(id, path), "")
}

func fetchedItem(id infohash.ID, path string) cli.Item {
	return cli.Item{InfoHash: id.String(), Status: "fetched", Path: path}
}

// getter fetches many torrents into a folder.
type getter struct {
	client       *client.Client
	dir          string
	env          cli.Environment
	out          cli.Facts
	stop         context.CancelCauseFunc // ends the command early
	printing     sync.Mutex              // held while env is written to
	wanted, lost atomic.Int64
}

// all fetches the torrents that texts name, until ctx ends.
func (g *getter) all(ctx context.Context, texts iter.Seq[string]) {
	queue := make(chan string)
	var workers sync.WaitGroup
	for range getAtOnce {
		workers.Go(func() {
			for text := range queue {
				g.one(ctx, text)
			}
		})
	}
	for text := range texts {
		if ctx.Err() != nil {
			break
		}
		queue <- text
	}
	close(queue)
	workers.Wait()
}

// one fetches the torrent that text names, and reports the outcome. An error that every call would
// have ends the command.
func (g *getter) one(ctx context.Context, text string) {
	g.wanted.Add(1)
	item, err := g.fetch(ctx, text)
	g.printing.Lock()
	defer g.printing.Unlock()
	switch {
	case ctx.Err() != nil:
		return
	case cli.FailsEveryCall(err):
	case err != nil:
		g.lost.Add(1)
		err = g.out.PrintFailed(g.env.Stderr, item, err)
	default:
		err = g.out.Print(item, item.Path+"\n")
	}
	if err != nil {
		g.stop(err)
	}
}

// fetch fetches the torrent that text names, and returns the item that reports its outcome.
func (g *getter) fetch(ctx context.Context, text string) (cli.Item, error) {
	id, err := lists.ParseID(text)
	if err != nil {
		return cli.MalformedItem(text, err), err
	}
	torrent, err := g.client.Get(ctx, id)
	if err != nil {
		return cli.FailedItem(text, err), err
	}
	item := fetchedItem(id, filepath.Join(g.dir, id.String()+".torrent"))
	if err := save(item.Path, torrent); err != nil {
		return cli.FailedItem(text, err), err
	}
	return item, nil
}

// save writes a torrent to a file that all users may read.
func save(path string, torrent []byte) error {
	return wholefile.Write(path, torrent, func(f *os.File) error { return f.Chmod(0o644) })
}
