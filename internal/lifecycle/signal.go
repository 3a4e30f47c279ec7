package lifecycle

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is the time within which a second signal counts as the first one again:
// Ctrl-C reaches a whole group of processes, timeout(1) signals its child and then its
// group, and a parent may pass on a signal that its child has already received.
const sameSignal = time.Second

// OnSignal returns a context that ends with the first SIGTERM or SIGINT, and
// calls again with a second one that comes [sameSignal] or more later. On Windows
// these are Ctrl-C and Ctrl-Break. Stop gives both back to the system.
func OnSignal(parent context.Context, again func(os.Signal)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
		first := time.Now()
		for s := range signals {
			if time.Since(first) >= sameSignal {
				again(s)
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// Hangups returns a channel that gets a value for SIGHUP; several in a row may give
// one. From then on the signal no longer ends the process. Windows has no SIGHUP.
func Hangups() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals
}
