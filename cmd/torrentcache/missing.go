package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
)

const missingHelp = `Read info hashes from standard input, one a line, and write those that the server has
not cached, in the same order and spelling.

  torrentcache missing < hashes.txt > missing.txt

` + lists.Help + `
Exit status: 0 all were looked up, 3 some lines are no info hashes, 1 missing did
not get to the end.
`

// missingAtOnce is how many hashes go into one call.
const missingAtOnce = 10_000

func newMissing(env environment) *cobra.Command {
	var s remote
	out := facts{out: env.stdout}
	c := &cobra.Command{
		Use:   "missing",
		Short: "Say which of the info hashes on standard input are not cached",
		Long:  missingHelp + remoteHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings(c, env, s.validate); err != nil {
				return err
			}
			return missing(c.Context(), s, env, out, c.InOrStdin())
		},
	}
	s.addFlags(c.Flags())
	out.addFlag(c.Flags())
	return c
}

func missing(ctx context.Context, s remote, env environment, out facts, stdin io.Reader) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	q := question{client: c, out: out}
	var listed error
	lines, malformed := int64(0), int64(0)
	for text := range lists.HashLines(lists.SomeLines(stdin, '\n', &listed)) {
		lines++
		id, err := lists.ParseID(text)
		if err != nil {
			malformed++
			if err := out.tellFailed(env.stderr, malformedItem(text, err), err); err != nil {
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
		return &exitError{exitSomeFailed, fmt.Sprintf("not an info hash: %s of %s", progress.Number(malformed), progress.Count(lines, "line"))}
	}
	return nil
}

type missingFact struct {
	Text     string `json:"text"` // as it was given
	InfoHash string `json:"info_hash"`
	Status   string `json:"status"`
}

// question gathers hashes for a call.
type question struct {
	client *client.Client
	out    facts
	texts  []string
	ids    []infohash.ID
}

func (q *question) add(ctx context.Context, text string, id infohash.ID) error {
	q.texts, q.ids = append(q.texts, text), append(q.ids, id)
	if len(q.ids) < missingAtOnce {
		return nil
	}
	return q.ask(ctx)
}

// ask writes those of the gathered that are missing, and forgets all.
func (q *question) ask(ctx context.Context) error {
	missing, err := q.client.Missing(ctx, q.ids)
	if err != nil {
		return err
	}
	for i, id := range q.ids {
		if len(missing) == 0 || missing[0] != id {
			continue
		}
		missing = missing[1:]
		if err := q.out.tell(missingFact{q.texts[i], id.String(), "missing"}, q.texts[i]+"\n"); err != nil {
			return err
		}
	}
	q.texts, q.ids = q.texts[:0], q.ids[:0]
	return nil
}
