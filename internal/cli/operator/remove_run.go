package operator

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/journal"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
)

const (
	// listPage is how many info hashes go into one call: the maximum that a server takes.
	listPage = 1000

	// pagesAtOnce is how many calls are in flight at a time: while the server syncs its audit log
	// for one call, it commits another.
	pagesAtOnce = 4
)

// listSettings are the flags of the commands that work on lists of torrents. Reason and reference
// are for the store and the audit log.
type listSettings struct {
	target
	reason, reference string
	resume            string
	dryRun            bool
	facts             cli.Facts
}

func (s *listSettings) addFlags(flags *pflag.FlagSet) {
	s.addAdmin(flags)
	flags.StringVar(&s.reason, "reason", "", "reason, for people, at most 1,024 bytes")
	flags.StringVar(&s.reference, "reference", "", "a case number or URL, at most 1,024 bytes")
	flags.StringVar(&s.resume, "resume", "", "`file` that notes what the server acknowledged, created if missing")
	flags.BoolVar(&s.dryRun, "dry-run", false, "show what would be done and do nothing")
	s.facts.AddFlag(flags)
}

// listResult is the outcome for one info hash: a text for people, and for programs whether the
// torrent was or is cached, nil if that is not known.
type listResult struct {
	text   string
	cached *bool
	err    error
}

// listCall makes one call for a page of hashes.
type listCall func(ctx context.Context, o *connection, hashes []string) ([]listResult, error)

// page is a part of a list that goes into one call, and that call's outcome.
type page struct {
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
	work     string // command, --erase, reason and reference, for the journal
	do       listCall
	args     []string
	admin    *connection
	journal  *journal.Journal // nil without --resume
	display  *progress.Display
	out      cli.Facts // receives the counts at the end
	begin    time.Time

	filling *page   // not yet sent
	waiting []*page // sent and not yet answered, oldest first

	total                 int64        // info hashes in the list; 0 if not known
	done, failed, skipped atomic.Int64 // skipped: the journal has them
}

// run calls do for the torrents that args name, a page at a time. The keys in the journal depend on
// work.
func (s *listSettings) run(c *cobra.Command, args []string, env cli.Environment, work string, do listCall) (err error) {
	if len(args) == 0 {
		return fmt.Errorf("%s which torrents? Want info hashes, magnet links, files with one a line, or - for standard input (%s --help)", c.Name(), c.CommandPath())
	}
	r := &listRun{settings: s, command: c.Name(), do: do, args: args, out: s.facts, begin: time.Now(), filling: &page{}}
	r.work = fmt.Sprintf("%s %q %q", work, s.reason, s.reference)
	if r.admin, err = s.dial(); err != nil {
		return err
	}
	defer r.admin.close()
	if s.resume != "" {
		if r.journal, err = journal.Open(s.resume); err != nil {
			return fmt.Errorf("--resume: %w", err)
		}
		defer func() { err = errors.Join(err, r.journal.Close()) }()
	}
	r.total = countList(args)
	r.display = progress.StartList(env.Stderr, progress.Width(env.Stderr), r.counts)
	if progress.Width(env.Stdout) != nil && progress.Width(env.Stderr) != nil {
		r.out.Out = r.display // it writes to the same terminal
	}
	err = r.all(c.Context(), c.InOrStdin())
	r.display.Stop()
	return r.conclude(c.Context(), env, err)
}

func (r *listRun) counts() progress.Counts {
	return progress.Counts{
		Files: r.seen(), TotalFiles: r.total, Refused: r.failed.Load(), Already: r.skipped.Load(),
	}
}

func (r *listRun) seen() int64 { return r.done.Load() + r.failed.Load() + r.skipped.Load() }

// all goes through the whole list. Its error says why it did not get to the end. In any case it
// reports the torrents that the server acknowledged, and notes them in the journal.
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

// add puts one text of the list into the page that is being filled, and sends the page if it is
// full.
func (r *listRun) add(ctx context.Context, text string) error {
	id, err := lists.ParseID(text)
	if err != nil {
		if slices.Contains(r.args, text) {
			err = fmt.Errorf("%w; and no file has that name", err)
		}
		return r.fail(cli.MalformedItem(text, err), err)
	}
	if r.journal != nil && !r.journal.Lookup(r.key(id)).IsZero() {
		r.skipped.Add(1)
		return nil
	}
	p := r.filling
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

// key returns the journal's key for the work done to a torrent.
func (r *listRun) key(id infohash.ID) journal.Key {
	sum := sha256.Sum256([]byte(r.work + " " + id.String()))
	return journal.Key(sum[:])
}

// fail reports that the command failed for a text of the list.
func (r *listRun) fail(item cli.Item, err error) error {
	r.failed.Add(1)
	return r.out.PrintFailed(r.display, item, err)
}

// send sends the page that is being filled.
func (r *listRun) send(ctx context.Context) {
	p := r.filling
	if len(p.ids) == 0 {
		return
	}
	r.filling = &page{}
	p.done = make(chan struct{})
	r.waiting = append(r.waiting, p)
	go func() {
		defer close(p.done)
		p.results, p.err = r.do(ctx, r.admin, p.hashes)
	}()
}

// settle waits for the answer to the oldest page in flight, and reports it. Each torrent of the
// page has a result, or there is an error. The journal gets the torrents that succeeded, and no
// others.
func (r *listRun) settle() error {
	p := r.waiting[0]
	r.waiting = r.waiting[1:]
	<-p.done
	if p.err != nil {
		return r.admin.explain(p.err)
	}
	if len(p.results) != len(p.hashes) {
		return fmt.Errorf("the server answered only %d of %d info hashes", len(p.results), len(p.hashes))
	}
	if err := unable(p.results); err != nil {
		return fmt.Errorf("the server fails for every torrent: %w", err)
	}
	var done []byte
	for i, result := range p.results {
		if result.err != nil {
			if err := r.fail(cli.FailedItem(p.texts[i], result.err), result.err); err != nil {
				return err
			}
			continue
		}
		r.done.Add(1)
		line, err := r.out.Line(cli.Item{InfoHash: p.hashes[i], Status: r.status(), Cached: result.cached}, p.hashes[i]+" "+result.text+"\n")
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
	_, err := r.out.Out.Write(done)
	return err
}
