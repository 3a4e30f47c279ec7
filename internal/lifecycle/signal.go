package lifecycle

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// OnSignal returns a context that ends with the first SIGTERM or SIGINT, and
// calls again with the second one. On Windows these are Ctrl-C and Ctrl-Break.
// Stop gives both back to the system.
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
		if s, ok := <-signals; ok {
			again(s)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// Hangups returns a channel that gets a value for SIGHUP, several in a row being
// one. From then on the signal no longer ends the process. On Windows there is none.
func Hangups() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals
}
