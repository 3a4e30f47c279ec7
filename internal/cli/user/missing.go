package user

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
)

const missingHelp = `Read info hashes from standard input, one a line, and write those that the server does
not have, in the same order and spelling.

  torrentcache missing < hashes.txt > missing.txt

` + lists.Help + `
Exit status: 0 all were looked up, 3 some lines are no info hashes, 1 missing did
not get to the end.
`

// missingAtOnce is how many hashes go into one call.
const missingAtOnce = 10_000

// NewMissing returns the command missing.
func NewMissing(env cli.Environment) *cobra.Command {
	var s remote
	out := cli.Facts{Out: env.Stdout}
	c := &cobra.Command{
		Use:   "missing",
		Short: "Show which info hashes on standard input are not cached",
		Long:  missingHelp + remoteHelp,
		Args:  cli.NoArguments,
		RunE: env.Run(s.validate, func(c *cobra.Command, _ []string) error {
			return missing(c.Context(), s, env, out, c.InOrStdin())
		}),
	}
	s.addFlags(c.Flags())
	out.AddFlag(c.Flags())
	return c
}

func missing(ctx context.Context, s remote, env cli.Environment, out cli.Facts, stdin io.Reader) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	q := batch{client: c, out: out}
	var listed error
	lines, malformed := int64(0), int64(0)
	for text := range lists.HashLines(lists.SomeLines(stdin, '\n', &listed)) {
		lines++
		id, err := lists.ParseID(text)
		if err != nil {
			malformed++
			if err := out.PrintFailed(env.Stderr, cli.MalformedItem(text, err), err); err != nil {
				return err
			}
			continue
		}
		if err := q.add(ctx, text, id); err != nil {
			return err
		}
	}
	if err := errors.Join(listed, q.ask(ctx)); err != nil {
		return err
	}
	if malformed > 0 {
		return cli.SomeFailed(fmt.Sprintf("not an info hash: %s of %s", progress.Number(malformed), progress.Count(lines, "line")))
	}
	return nil
}

type missingFact struct {
	Text     string `json:"text"` // as it was given
	InfoHash string `json:"info_hash"`
	Status   string `json:"status"`
}

// batch gathers info hashes for a call.
type batch struct {
	client *client.Client
	out    cli.Facts
	texts  []string
	ids    []infohash.ID
}

func (q *batch) add(ctx context.Context, text string, id infohash.ID) error {
	q.texts, q.ids = append(q.texts, text), append(q.ids, id)
	if len(q.ids) < missingAtOnce {
		return nil
	}
	return q.ask(ctx)
}

// ask asks the server which of the gathered hashes it lacks, writes them, and empties the batch.
func (q *batch) ask(ctx context.Context) error {
	missing, err := q.client.Missing(ctx, q.ids)
	if err != nil {
		return err
	}
	for i, id := range q.ids {
		if len(missing) == 0 || missing[0] != id {
			continue
		}
		missing = missing[1:]
		if err := q.out.Print(missingFact{q.texts[i], id.String(), "missing"}, q.texts[i]+"\n"); err != nil {
			return err
		}
	}
	q.texts, q.ids = q.texts[:0], q.ids[:0]
	return nil
}
