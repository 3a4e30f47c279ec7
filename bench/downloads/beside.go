package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/torrentcache/torrentcache/bench/internal/side"
)

// beside runs the load of r while the server does w.
func (b *busy) beside(r row, w work) (side.Load, error) {
	if err := flush(b.dir); err != nil { // the writes of the last work must not count here
		return side.Load{}, err
	}
	if !r.random {
		if err := b.cool(r); err != nil {
			return side.Load{}, err
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	failed := make(chan error, 1)
	go func() { failed <- repeat(ctx, w) }()
	time.Sleep(time.Second) // the work is under way by then
	done, err := b.wrk(r, "http://"+b.server.addr, b.time)
	stop()
	return done, errors.Join(err, <-failed)
}

// cool makes r request each cold torrent once, in a new order, and drops the store's segments
// from the page cache.
func (b *busy) cool(r row) error {
	rand.Shuffle(len(b.cold), func(i, j int) { b.cold[i], b.cold[j] = b.cold[j], b.cold[i] })
	paths := "/torrent/" + strings.Join(b.cold, ".torrent\n/torrent/") + ".torrent\n"
	if err := os.WriteFile(b.pathsFile(r), []byte(paths), 0o644); err != nil {
		return err
	}
	segments, err := filepath.Glob(filepath.Join(b.store(), "segments", "*"))
	if err != nil {
		return err
	}
	return side.DropFromMemory(segments)
}

// repeat runs w's command again and again until ctx ends. The command uses the core of the load
// generator at the lowest priority, because in practice a push comes from another machine.
func repeat(ctx context.Context, w work) error {
	for w.command != nil && ctx.Err() == nil {
		args, err := w.command()
		if err != nil {
			return err
		}
		running := ctx
		if w.whole {
			running = context.WithoutCancel(ctx)
		}
		cmd := exec.CommandContext(running, "taskset", append([]string{"-c", "1", "nice", "-n", "19"}, args...)...)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		if out, err := cmd.CombinedOutput(); err != nil && ctx.Err() == nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// eraseSome returns a command that erases the next eraseEach torrents.
func (b *busy) eraseSome() ([]string, error) {
	if len(b.erase) < eraseEach {
		return nil, fmt.Errorf("no torrents are left to be erased: -distinct for more, or -rounds for fewer")
	}
	list := filepath.Join(b.dir, "erase")
	err := os.WriteFile(list, []byte(strings.Join(b.erase[:eraseEach], "\n")+"\n"), 0o644)
	b.erase = b.erase[eraseEach:]
	return []string{b.binary, "remove", "--erase", "--admin", b.admin, list}, err
}
