package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/journal"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/source"
)

// pushMemory makes Go collect garbage early enough that push stays well below
// 200 MB; GOMEMLIMIT says otherwise. In bytes. Up to there garbage may come to
// twice what is in use (GOGC says otherwise).
const (
	pushMemory  = 150 << 20
	pushGarbage = 200 // percent
)

// push runs the command.
func push(ctx context.Context, s pushSettings, paths []string, env environment, stdin io.Reader) error {
	return runPush(ctx, s, env, func(ctx context.Context, r *pushRun, c *client.Client) error {
		return r.push(ctx, c, paths, stdin)
	})
}

// runPush runs a command that pushes what send sends.
func runPush(ctx context.Context, s pushSettings, env environment, send func(context.Context, *pushRun, *client.Client) error) (err error) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(pushMemory)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(pushGarbage)
	}
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	r := &pushRun{settings: s, env: env, begin: time.Now()}
	if err := r.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.display = progress.Start(env.stderr, terminalWidth(env.stderr), r.progress)
	pushed := send(ctx, r, c)
	r.display.Stop()
	return r.conclude(ctx, pushed)
}

// pushRun is one run of push.
type pushRun struct {
	settings pushSettings
	env      environment
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
func (r *pushRun) push(ctx context.Context, c *client.Client, paths []string, stdin io.Reader) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	o := source.Options{
		MaxSize:  int64(r.settings.maxTorrentSize),
		Problem:  func(name string, err error) { cancelOn(cancel, r.problem(name, err)) },
		Skipped:  func(name string) { cancelOn(cancel, r.skipped(name)) },
		Consumed: func(n int64) { r.tally.bytes.Add(n) },
	}
	return r.send(ctx, cancel, c, r.items(r.files(ctx, paths, stdin, o)))
}

// send sends items, and cancels when a result cannot be told.
func (r *pushRun) send(ctx context.Context, cancel context.CancelCauseFunc, c *client.Client, items iter.Seq[client.Item]) error {
	return c.Push(ctx, items, client.PushOptions{
		Streams:         r.settings.streams,
		IncludePrivate:  r.settings.includePrivate,
		IncludePasskeys: r.settings.includePasskeys,
		DryRun:          r.settings.dryRun,
		Patience:        r.settings.patience,
		Result:          func(result client.Result) { cancelOn(cancel, r.result(result)) },
		Waiting:         r.waiting,
	})
}

// waiting tells why nothing happens; not for each stream and pause again.
func (r *pushRun) waiting(err error, _ time.Duration) {
	const often = 10 * time.Second
	now, last := time.Now().UnixNano(), r.warned.Load()
	if now-last < int64(often) || !r.warned.CompareAndSwap(last, now) {
		return
	}
	r.display.Print(fmt.Sprintf("waiting for the server and trying again, for %s at most: %s", r.settings.patience, oneLine(err.Error())))
}

func cancelOn(cancel context.CancelCauseFunc, err error) {
	if err != nil {
		cancel(err)
	}
}

// files yields the files to push.
func (r *pushRun) files(ctx context.Context, paths []string, stdin io.Reader, o source.Options) iter.Seq[source.File] {
	if r.settings.watch {
		return source.Watch(ctx, paths, o, r.settings.interval, source.SystemClock)
	}
	if !slices.Contains(paths, "-") && terminalWidth(r.env.stderr) != nil {
		go func() { r.total.Store(source.Measure(ctx, slices.Values(paths))) }()
	}
	end := byte('\n')
	if r.settings.null {
		end = 0
	}
	return source.Walk(ctx, expandStdin(paths, stdin, end, &r.listed), o)
}

// items yields files as the client wants them, with what the journal knows.
func (r *pushRun) items(files iter.Seq[source.File]) iter.Seq[client.Item] {
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

// terminalWidth returns how to ask for the columns of the terminal that w is; nil
// if it is none.
func terminalWidth(w io.Writer) func() int {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0
		}
		return width
	}
}
