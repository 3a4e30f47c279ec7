// Package push runs the commands push and import. A run sends torrents from files, folders and
// archives to a server with a [client.Client]. A journal notes which torrents the server
// acknowledged. The run reports and counts the outcome of each file.
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

// Options configure a run.
type Options struct {
	// Resume is the file of the journal, which notes the torrents that the server acknowledged. ""
	// means no journal.
	Resume string
	// Report is the file that lists the files that were refused, left out or unreadable. "" means
	// no list.
	Report string
	// DryRun finds out which torrents are missing and sends nothing.
	DryRun bool
	// IncludePrivate pushes private torrents too.
	IncludePrivate bool
	// IncludePasskeys also pushes torrents that are not private and contain a passkey.
	IncludePasskeys bool
	// JSON writes the outcome of each file, and the counts, to Stdout.
	JSON bool
	// Watch goes on with torrents that appear in folders. It scans the folders each Interval.
	Watch    bool
	Interval time.Duration
	// Null says that NUL, not a line feed, ends each path on Stdin.
	Null bool
	// Streams is how many streams send in parallel. Patience is how long to wait for a server that
	// is away, busy or full.
	Streams  int
	Patience time.Duration
	// MaxTorrentSize is the size of the largest torrent to push, in bytes.
	MaxTorrentSize int64

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Paths pushes the torrents in files, folders and archives. The path - stands for a list of paths
// on Stdin. The error is a *[LackingError] if the run came to its end but not all torrents are
// cached.
func Paths(ctx context.Context, c *client.Client, paths []string, o Options) error {
	return start(ctx, o, func(ctx context.Context, r *run) error { return r.push(ctx, c, paths) })
}

// start makes a run and calls send, which sends its torrents.
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

// run is the state of one run.
type run struct {
	settings Options
	begin    time.Time
	journal  *journal.Journal // nil without --resume
	report   *report
	display  *progress.Display
	tally    tally
	total    atomic.Int64 // bytes of input; 0 while unknown
	warned   atomic.Int64 // when waiting last printed, in Unix nanoseconds
	listed   error        // from reading the list on standard input
}

// push pushes all paths and returns the error that ended it.
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

// send sends items. It cancels the run if an outcome cannot be written.
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

// waiting prints the reason for a pause, at most once in ten seconds over all streams.
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

// items yields files as items of the client, with their ids from the journal.
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

// Archive pushes each member of a tar archive, plain or compressed. The error is like that of
// [Paths], or says that the archive is empty, cut short, or followed by something else.
func Archive(ctx context.Context, c *client.Client, in io.Reader, o Options) error {
	return start(ctx, o, func(ctx context.Context, r *run) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var failed error
		files := source.Tar(ctx, in, source.Options{
			MaxSize:  r.settings.MaxTorrentSize,
			Consumed: func(n int64) { r.tally.bytes.Add(n) },
			Problem: func(name string, err error) {
				if name == "" {
					failed = fmt.Errorf("the archive %w", err)
				} else {
					cancelOn(cancel, r.problem(name, err))
				}
			},
		})
		err := r.send(ctx, cancel, c, r.items(files))
		return errors.Join(failed, err)
	})
}
