package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/journal"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/reason"
)

const (
	// listPage is how many info hashes go into one call: the most that a server takes.
	listPage = 1000

	// pagesAtOnce is how many calls are under way at a time: while the server syncs its
	// audit log for one it commits another.
	pagesAtOnce = 4
)

// listResult is what became of one info hash: a text for people, and for programs whether the
// torrent was or is cached, nil if that is not known.
type listResult struct {
	text   string
	cached *bool
	err    error
}

// listCall makes one call for a page of hashes.
type listCall func(ctx context.Context, o *operator, hashes []string) ([]listResult, error)

// sheet is a page of a list, and the call for it.
type sheet struct {
	texts   []string
	ids     []infohash.ID
	hashes  []string
	done    chan struct{} // closed when the call has ended
	results []listResult
	err     error
}

// listRun is one run through a list.
type listRun struct {
	settings *listSettings
	command  string
	work     string // what is done and why, for the journal
	do       listCall
	args     []string
	operator *operator
	journal  *journal.Journal // nil without --resume
	display  *progress.Display
	out      facts // for what was done
	begin    time.Time

	gathers *sheet
	waiting []*sheet // for their answers, oldest first

	total              int64 // info hashes in the list; 0 if not known
	done, failed, past atomic.Int64
}

// run does work to each torrent that args name, a page at a time.
func (s *listSettings) run(c *cobra.Command, args []string, env environment, work string, do listCall) (err error) {
	if len(args) == 0 {
		return fmt.Errorf("%s what? Want info hashes, magnet links, files with one a line, or - for standard input (%s --help)", c.Name(), c.CommandPath())
	}
	r := &listRun{settings: s, command: c.Name(), do: do, args: args, out: s.facts, begin: time.Now(), gathers: &sheet{}}
	r.work = fmt.Sprintf("%s %q %q", work, s.reason, s.reference)
	if r.operator, err = s.dial(); err != nil {
		return err
	}
	defer r.operator.close()
	if s.resume != "" {
		if r.journal, err = journal.Open(s.resume); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
		defer func() { err = errors.Join(err, r.journal.Close()) }()
	}
	r.total = countList(args)
	r.display = progress.StartList(env.stderr, progress.Width(env.stderr), r.counts)
	if progress.Width(env.stdout) != nil && progress.Width(env.stderr) != nil {
		r.out.out = above{r.display} // the same screen
	}
	err = r.all(c.Context(), c.InOrStdin())
	r.display.Stop()
	return r.conclude(c.Context(), env, err)
}

func (r *listRun) counts() progress.Counts {
	return progress.Counts{
		Files: r.seen(), TotalFiles: r.total, Refused: r.failed.Load(), Already: r.past.Load(),
	}
}

func (r *listRun) seen() int64 { return r.done.Load() + r.failed.Load() + r.past.Load() }

// all goes through the whole list, and returns why it did not get to the end. What the
// server acknowledged is told and noted in any case.
func (r *listRun) all(ctx context.Context, stdin io.Reader) (err error) {
	var listed error
	for text := range lists.Expand(r.args, stdin, &listed) {
		if err = r.add(ctx, text); err != nil {
			break
		}
	}
	if err == nil {
		r.send(ctx)
	}
	for len(r.waiting) > 0 {
		if failed := r.settle(); err == nil {
			err = failed
		}
	}
	return errors.Join(err, listed)
}

// add takes up one text of the list.
func (r *listRun) add(ctx context.Context, text string) error {
	id, err := lists.ParseID(text)
	if err != nil {
		if slices.Contains(r.args, text) {
			err = fmt.Errorf("%w; and there is no file of that name", err)
		}
		return r.fail(malformedItem(text, err), err)
	}
	if r.journal != nil && !r.journal.Lookup(r.key(id)).IsZero() {
		r.past.Add(1)
		return nil
	}
	p := r.gathers
	p.texts, p.ids, p.hashes = append(p.texts, text), append(p.ids, id), append(p.hashes, id.String())
	if len(p.ids) < listPage {
		return nil
	}
	r.send(ctx)
	if len(r.waiting) < pagesAtOnce {
		return nil
	}
	return r.settle()
}

// key stands for what is done to the torrent.
func (r *listRun) key(id infohash.ID) journal.Key {
	sum := sha256.Sum256([]byte(r.work + " " + id.String()))
	return journal.Key(sum[:])
}

// fail tells that nothing was done for a text of the list.
func (r *listRun) fail(item itemFact, err error) error {
	r.failed.Add(1)
	if r.out.json {
		return r.out.tell(item, "")
	}
	r.display.Print(item.failureText(err))
	return nil
}

// send sends what has gathered.
func (r *listRun) send(ctx context.Context) {
	p := r.gathers
	if len(p.ids) == 0 {
		return
	}
	r.gathers = &sheet{}
	p.done = make(chan struct{})
	r.waiting = append(r.waiting, p)
	go func() {
		defer close(p.done)
		p.results, p.err = r.do(ctx, r.operator, p.hashes)
	}()
}

// settle waits for the oldest page that was sent, and tells what became of it. Each of the
// page has a result, or there is an error. The journal gets what was done, and nothing else.
func (r *listRun) settle() error {
	p := r.waiting[0]
	r.waiting = r.waiting[1:]
	<-p.done
	if p.err != nil {
		return r.operator.explain(p.err)
	}
	if len(p.results) != len(p.hashes) {
		return fmt.Errorf("the server answered %d of %d info hashes", len(p.results), len(p.hashes))
	}
	if err := unable(p.results); err != nil {
		return fmt.Errorf("the server can do nothing now: %w", err)
	}
	var done []byte
	for i, result := range p.results {
		if result.err != nil {
			if err := r.fail(failedItem(p.texts[i], result.err), result.err); err != nil {
				return err
			}
			continue
		}
		r.done.Add(1)
		line, err := r.out.line(itemFact{InfoHash: p.hashes[i], Status: r.status(), Cached: result.cached}, p.hashes[i]+" "+result.text+"\n")
		if err != nil {
			return err
		}
		done = append(done, line...)
		if r.journal != nil && !r.settings.dryRun {
			if err := r.journal.Add(r.key(p.ids[i]), p.ids[i]); err != nil {
				return fmt.Errorf("--resume: %w", err)
			}
		}
	}
	_, err := r.out.out.Write(done)
	return err
}

// status is what is told of a torrent with which all went well.
func (r *listRun) status() string {
	status := strings.TrimSuffix(r.command, "e") + "ed"
	if r.settings.dryRun {
		return "would_be_" + status
	}
	return status
}

// unable returns why the server could do nothing of a whole page, and would do nothing of
// the next: its store fails or is full. It is nil if that is not so.
func unable(results []listResult) error {
	for _, result := range results {
		if len(results) < listPage || result.err == nil {
			return nil
		}
		if r := reason.Of(result.err).Reason; r != reason.Overloaded && r != reason.StorageFull {
			return nil
		}
	}
	return results[0].err
}

// conclude tells how it went, and returns the command's error.
func (r *listRun) conclude(ctx context.Context, env environment, err error) error {
	if r.out.json {
		told := r.out.tell(summary{listFact{r.done.Load(), r.failed.Load(), r.past.Load(), time.Since(r.begin).Seconds(), err == nil}}, "")
		err = errors.Join(err, told)
	} else if r.seen() > 1 {
		fmt.Fprintf(env.stderr, "%s in %s: %s\n", progress.Count(r.seen(), "info hash"), elapsed(r.begin), r.summary())
	}
	again := "run it again to go on"
	if r.journal != nil {
		again += ", with the same --resume"
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("interrupted: " + again)
	case err != nil && r.seen() > 0:
		return fmt.Errorf("stopped before the end: %w; %s", err, again)
	case err != nil:
		return err
	case r.failed.Load() > 0:
		return &exitError{exitSomeFailed, fmt.Sprintf("%s failed for %s of %s", r.command, progress.Number(r.failed.Load()), progress.Number(r.seen()))}
	}
	return nil
}

type listFact struct {
	Done     int64   `json:"done"`
	Failed   int64   `json:"failed"`
	Before   int64   `json:"done_before"`
	Seconds  float64 `json:"seconds"`
	Complete bool    `json:"complete"`
}

func (r *listRun) summary() string {
	parts := []string{progress.Number(r.done.Load()) + " " + strings.TrimSuffix(r.command, "e") + "ed"}
	if r.settings.dryRun {
		parts[0] = progress.Number(r.done.Load()) + " to " + r.command
	}
	if n := r.failed.Load(); n > 0 {
		parts = append(parts, progress.Number(n)+" failed")
	}
	if n := r.past.Load(); n > 0 {
		parts = append(parts, progress.Number(n)+" done before")
	}
	return strings.Join(parts, ", ")
}

// countList returns how many texts args list; 0 if that takes reading what can be read
// only once.
func countList(args []string) (n int64) {
	for _, arg := range args {
		if info, err := os.Stat(arg); arg == "-" || err == nil && !info.Mode().IsRegular() {
			return 0
		}
	}
	var failed error // told when the list is read to be worked through
	for range lists.Expand(args, strings.NewReader(""), &failed) {
		n++
	}
	return n
}
