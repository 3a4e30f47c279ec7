package user

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
)

const changesHelp = `Write the changes in a server's cache, oldest first: a line of JSON for each torrent
that was added, replaced, removed, restored or dropped. This takes the role sync.

  torrentcache changes                       all changes until now
  torrentcache changes --follow              these, and new changes as they come
  torrentcache changes --after now --follow  only new changes
  torrentcache changes --hashes              only info hashes of added torrents

--after takes the cursor of the last line that you processed. The output then misses no
change, but may repeat the last lines before that one. A line of the kind "restarted"
says that the server's feed began anew, as after a restore from a backup: check the
torrents that you copied before. With --follow the command survives outages of the
server.
`

// changesPause is how long the command waits before it asks again for a feed that broke.
const changesPause = time.Second

type changesSettings struct {
	remote
	after          string
	follow, hashes bool
}

// NewChanges returns the command changes.
func NewChanges(env cli.Environment) *cobra.Command {
	var s changesSettings
	c := &cobra.Command{
		Use:   "changes",
		Short: "Write the changes in a server's cache",
		Long:  changesHelp + remoteHelp,
		Args:  cli.NoArguments,
		RunE: env.Run(s.validate, func(c *cobra.Command, _ []string) error {
			return changes(c.Context(), s, env)
		}),
	}
	s.addFlags(c.Flags())
	c.Flags().StringVar(&s.after, "after", "", "begin after this `cursor`, or \"now\" (default: with the first change)")
	c.Flags().BoolVar(&s.follow, "follow", false, "also write new changes as they come, until stopped")
	c.Flags().BoolVar(&s.hashes, "hashes", false, "write only the info hash of each torrent that was added")
	return c
}

func changes(ctx context.Context, s changesSettings, env cli.Environment) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	w := &changeWriter{out: bufio.NewWriter(env.Stdout), hashes: s.hashes, cursor: s.after}
	told := ""
	for {
		err := w.read(ctx, c, s.follow, func() { told = "" })
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil && s.follow:
			return nil // the user ends --follow by an interrupt
		case !s.follow || client.Reason(err) != string(reason.Overloaded), client.Untrusted(err):
			return err
		}
		if text := progress.OneLine(err.Error()); text != told {
			fmt.Fprintf(env.Stderr, "the feed broke; asking for it again: %s\n", text)
			told = text
		}
		wait.For(ctx, changesPause)
	}
}

// changeWriter writes changes as lines.
type changeWriter struct {
	out    *bufio.Writer
	hashes bool
	cursor string // the cursor of the last answer
}

// changeLine is the line of JSON for a change.
type changeLine struct {
	Kind       string     `json:"kind"`
	InfoHash   string     `json:"info_hash,omitempty"`
	InfoHashV1 string     `json:"info_hash_v1,omitempty"`
	InfoHashV2 string     `json:"info_hash_v2,omitempty"`
	Time       *time.Time `json:"time,omitempty"`
	Cursor     string     `json:"cursor,omitempty"`
}

// read writes changes until there are no more or, if follow is true, until the feed breaks. It
// calls heard for each answer.
func (w *changeWriter) read(ctx context.Context, c *client.Client, follow bool, heard func()) error {
	for news, err := range c.Changes(ctx, w.cursor) {
		if err != nil {
			return err
		}
		heard()
		if err := w.write(news); err != nil {
			return writeError{err}
		}
		if len(news.GetChanges()) == 0 && !follow {
			return nil
		}
	}
	return nil
}

// writeError is an error of writing to standard output, which a new feed would not mend.
type writeError struct{ error }

// write writes an answer. Only the last line of an answer has the answer's own cursor. The lines
// before it have the cursor of the previous answer: a reader that resumes there misses no change.
func (w *changeWriter) write(news *torrentcachev1.WatchChangesResponse) error {
	if news.GetRestarted() && !w.hashes {
		w.cursor = ""
		if err := w.line(changeLine{Kind: "restarted"}); err != nil {
			return err
		}
	}
	changes := news.GetChanges()
	for i, change := range changes {
		if i == len(changes)-1 {
			w.cursor = news.GetCursor()
		}
		if err := w.change(change); err != nil {
			return err
		}
	}
	w.cursor = news.GetCursor()
	return w.out.Flush()
}

func (w *changeWriter) change(change *torrentcachev1.Change) error {
	if w.hashes {
		if change.GetKind() != torrentcachev1.ChangeKind_CHANGE_KIND_ADDED {
			return nil
		}
		_, err := io.WriteString(w.out, progress.Printable(change.GetInfoHash())+"\n")
		return err
	}
	at := change.GetChangeTime().AsTime()
	return w.line(changeLine{
		Kind:     strings.ToLower(strings.TrimPrefix(change.GetKind().String(), "CHANGE_KIND_")),
		InfoHash: change.GetInfoHash(), InfoHashV1: change.GetInfoHashV1(), InfoHashV2: change.GetInfoHashV2(),
		Time: &at, Cursor: w.cursor,
	})
}

func (w *changeWriter) line(line changeLine) error {
	if line.Cursor == "now" {
		line.Cursor = ""
	}
	b, err := progress.JSON(line)
	if err == nil {
		_, err = w.out.Write(b)
	}
	return err
}
