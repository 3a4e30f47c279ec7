package main

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
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
)

const getHelp = `Fetch torrents; - stands for a list on standard input, one a line.

  torrentcache get C12FE1C06BBA254A9DC9F519B335AA7C1367A88A
  torrentcache get -o ubuntu.torrent \
      'magnet:?xt=urn:btih:C12FE1C06BBA254A9DC9F519B335AA7C1367A88A'
  torrentcache get --out-dir torrents - < hashes.txt

` + lists.Help + `
Each is written to INFOHASH.torrent in --out-dir, whole or not at all, over a file
of that name if there is one. What arrives is checked against the info hash.

Exit status: 0 all were fetched, 3 some were not, 1 get did not get to the end.
`

// getAtOnce is how many torrents are fetched in parallel.
const getAtOnce = 16

type getSettings struct {
	remote
	facts       facts
	out, outDir string
}

func newGet(env environment) *cobra.Command {
	var s getSettings
	s.facts.out = env.stdout
	c := &cobra.Command{
		Use:        "get HASH|MAGNET...",
		SuggestFor: []string{"download", "fetch"},
		Short:      "Fetch torrents by info hash, magnet link or URL",
		Long:       getHelp + remoteHelp,
		RunE: func(c *cobra.Command, args []string) error {
			if err := settings(c, env, func() error { return s.validate(args) }); err != nil {
				return err
			}
			return get(c.Context(), s, args, env, c.InOrStdin())
		},
	}
	s.addFlags(c.Flags())
	s.facts.addFlag(c.Flags())
	c.Flags().StringVarP(&s.out, "out", "o", "", "write to this `file`; - is standard output; only for a single torrent")
	c.Flags().StringVar(&s.outDir, "out-dir", ".", "write INFOHASH.torrent files to this `folder`, made if it is not there")
	return c
}

func (s *getSettings) validate(args []string) error {
	switch {
	case len(args) == 0:
		return errors.New("get what? Want info hashes, magnet links, or - for a list on standard input (torrentcache get --help)")
	case s.out != "" && (len(args) > 1 || args[0] == "-"):
		return errors.New("--out is for a single torrent: use --out-dir")
	case s.out == "-" && s.facts.json:
		return errors.New("--out - and --json: standard output is for one of them")
	}
	return s.remote.validate()
}

func get(ctx context.Context, s getSettings, args []string, env environment, stdin io.Reader) error {
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
	return g.verdict()
}

// getOne fetches a torrent to a file, or to stdout if path is `-`.
func getOne(ctx context.Context, c *client.Client, id infohash.ID, path string, out facts) error {
	if path == "-" && progress.Width(out.out) != nil {
		return errors.New("standard output is a terminal, and a torrent is no text: want a file (-o FILE), or a pipe")
	}
	torrent, err := c.Get(ctx, id)
	if isVain(err) {
		return err
	}
	if err != nil {
		return &exitError{exitSomeFailed, err.Error()}
	}
	if path == "-" {
		_, err := out.out.Write(torrent)
		return err
	}
	if err := writeWhole(path, torrent); err != nil {
		return err
	}
	return out.tell(fetchedItem(id, path), "")
}

func fetchedItem(id infohash.ID, path string) itemFact {
	return itemFact{InfoHash: id.String(), Status: "fetched", Path: path}
}

// getter fetches many torrents into a folder.
type getter struct {
	client       *client.Client
	dir          string
	env          environment
	out          facts
	stop         context.CancelCauseFunc // ends the command before its end
	printing     sync.Mutex              // held while env is written to
	wanted, lost atomic.Int64
}

// all fetches what texts name, until ctx ends.
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

// one fetches what text names, and tells what became of it. A key that is wrong for one is
// wrong for all, and ends the command.
func (g *getter) one(ctx context.Context, text string) {
	g.wanted.Add(1)
	item, err := g.fetch(ctx, text)
	g.printing.Lock()
	defer g.printing.Unlock()
	switch {
	case ctx.Err() != nil:
		return
	case isVain(err):
	case err != nil:
		g.lost.Add(1)
		err = g.out.tellFailed(g.env.stderr, item, err)
	default:
		err = g.out.tell(item, item.Path+"\n")
	}
	if err != nil {
		g.stop(err)
	}
}

// fetch returns what became of text; with an error, the fact that it failed.
func (g *getter) fetch(ctx context.Context, text string) (itemFact, error) {
	id, err := lists.ParseID(text)
	if err != nil {
		return malformedItem(text, err), err
	}
	torrent, err := g.client.Get(ctx, id)
	if err != nil {
		return failedItem(text, err), err
	}
	item := fetchedItem(id, filepath.Join(g.dir, id.String()+".torrent"))
	if err := writeWhole(item.Path, torrent); err != nil {
		return failedItem(text, err), err
	}
	return item, nil
}

func (g *getter) verdict() error {
	if lost := g.lost.Load(); lost > 0 {
		return &exitError{exitSomeFailed, fmt.Sprintf("not fetched: %s of %s",
			progress.Number(lost), progress.Count(g.wanted.Load(), "torrent"))}
	}
	return nil
}

// writeWhole writes a file so that it is never there in part.
func writeWhole(path string, b []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".torrentcache-*.part")
	if err != nil {
		return err
	}
	_, err = temp.Write(b)
	err = errors.Join(err, temp.Chmod(0o644), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
