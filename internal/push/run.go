// Package push is a run of the commands push and import: torrents go from files, folders and
// archives to a server by a [client.Client], a journal notes the torrents that the server
// acknowledged, and the run reports and counts the outcome of each file.
package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/journal"
	"github.com/torrentcache/torrentcache/internal/lists"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/source"
)

// Options are the settings of a run, and where it reads and writes.
type Options struct {
	// Resume is the file that notes what the server acknowledged; "" is none.
	Resume string
	// Report is the file that gets what was refused, left out or unreadable; "" is none.
	Report string
	// DryRun says what is missing and sends nothing.
	DryRun bool
	// IncludePrivate pushes private torrents, too.
	IncludePrivate bool
	// IncludePasskeys pushes those that are not private and hold a passkey, too.
	IncludePasskeys bool
	// JSON writes to Stdout what became of each file, and the counts.
	JSON bool
	// Watch goes on with what appears in folders, at which it looks each Interval.
	Watch    bool
	Interval time.Duration
	// Null says that a NUL ends each path on Stdin in place of a line feed.
	Null bool
	// Streams is how many streams to send over, and Patience how long to wait for a server
	// that is away, busy or full.
	Streams  int
	Patience time.Duration
	// MaxTorrentSize is the largest torrent to handle, in bytes.
	MaxTorrentSize int64

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Paths pushes what is in files, folders and archives; - stands for a list of them on Stdin.
// The error is a *[LackingError] if it came to its end and not all is cached.
func Paths(ctx context.Context, c *client.Client, paths []string, o Options) error {
	return start(ctx, o, func(ctx context.Context, r *run) error { return r.push(ctx, c, paths) })
}

// start makes a run, of which send sends.
func start(ctx context.Context, o Options, send func(context.Context, *run) error) (err error) {
	r := &run{settings: o, begin: time.Now()}
	if err := r.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.display = progress.Start(o.Stderr, progress.Width(o.Stderr), r.progress)
	pushed := send(ctx, r)
	r.display.Stop()
	return r.conclude(ctx, pushed)
}

// run is one run.
type run struct {
	settings Options
	begin    time.Time
	journal  *journal.Journal // nil without --resume
	report   *report
	display  *progress.Display
	tally    tally
	total    atomic.Int64 // bytes of input; 0 while not known
	warned   atomic.Int64 // when waiting last printed, Unix time in nanoseconds
	listed   error        // of reading the list on standard input
}

// push pushes all paths and returns what ended it.
func (r *run) push(ctx context.Context, c *client.Client, paths []string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	o := source.Options{
		MaxSize:  r.settings.MaxTorrentSize,
		Problem:  func(name string, err error) { cancelOn(cancel, r.problem(name, err)) },
		Skipped:  func(name string) { cancelOn(cancel, r.skipped(name)) },
		Consumed: func(n int64) { r.tally.bytes.Add(n) },
	}
	return r.send(ctx, cancel, c, r.items(r.files(ctx, paths, o)))
}

// send sends items, and cancels when a result cannot be told.
func (r *run) send(ctx context.Context, cancel context.CancelCauseFunc, c *client.Client, items iter.Seq[client.Item]) error {
	return c.Push(ctx, items, client.PushOptions{
		Streams:         r.settings.Streams,
		IncludePrivate:  r.settings.IncludePrivate,
		IncludePasskeys: r.settings.IncludePasskeys,
		DryRun:          r.settings.DryRun,
		Patience:        r.settings.Patience,
		Result:          func(result client.Result) { cancelOn(cancel, r.result(result)) },
		Waiting:         r.waiting,
	})
}

// waiting tells why nothing happens; not for each stream and pause again.
func (r *run) waiting(err error, _ time.Duration) {
	const often = 10 * time.Second
	now, last := time.Now().UnixNano(), r.warned.Load()
	if now-last < int64(often) || !r.warned.CompareAndSwap(last, now) {
		return
	}
	r.display.Print(fmt.Sprintf("waiting for the server and trying again, for %s at most: %s", r.settings.Patience, progress.OneLine(err.Error())))
}

func cancelOn(cancel context.CancelCauseFunc, err error) {
	if err != nil {
		cancel(err)
	}
}

// files yields the files to push.
func (r *run) files(ctx context.Context, paths []string, o source.Options) iter.Seq[source.File] {
	if r.settings.Watch {
		return source.Watch(ctx, paths, o, r.settings.Interval, source.SystemClock)
	}
	if !slices.Contains(paths, "-") && progress.Width(r.settings.Stderr) != nil {
		go func() { r.total.Store(source.Measure(ctx, slices.Values(paths))) }()
	}
	end := byte('\n')
	if r.settings.Null {
		end = 0
	}
	return source.Walk(ctx, lists.ExpandStdin(paths, r.settings.Stdin, end, &r.listed), o)
}

// items yields files as the client wants them, with what the journal knows.
func (r *run) items(files iter.Seq[source.File]) iter.Seq[client.Item] {
	return func(yield func(client.Item) bool) {
		for file := range files {
			item := client.Item{Name: file.Name, Torrent: file.Content, Load: file.Load, Size: file.Size, Tag: journal.Key(file.Key)}
			if r.journal != nil {
				item.Known = r.journal.Lookup(journal.Key(file.Key))
			}
			if !yield(item) {
				return
			}
		}
	}
}
