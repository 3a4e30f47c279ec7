// Package lifecycle starts and stops the program's servers: listeners with
// errors that name the setting to change, HTTP servers with every timeout set,
// readiness, signals, and a shutdown in order.
//
// The order of a shutdown is: not ready; public servers stop accepting and finish the
// requests in flight; the admin server, which has reported their state until then,
// stops; last, the store and other shared parts are closed. A shutdown always ends in
// time, even if requests in flight do not end.
package lifecycle

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Times after Timeout: for the rest of Run, and within it for cutting off connections.
const (
	closeTime = time.Second
	cutTime   = closeTime / 4
)

// Group is the servers that Run runs.
type Group struct {
	Public  []Server // stopped first, all at once
	Admin   []Server // stopped when those are done
	Timeout time.Duration
	Logger  *slog.Logger
	// Ready is called when all servers have been started, Drain when the
	// shutdown begins.
	Ready, Drain func()
	// Close closes the resources that the servers use; it is called last. It may wait
	// for requests in flight, but Run waits for it only as long as documented there. Nil:
	// there is nothing to close.
	Close func() error
	// InFlight counts the work in flight, as names and values for the log. Nil: no counts.
	InFlight func() []any
}

// Run serves until ctx ends or a server fails, then shuts down: requests in flight
// have Timeout to finish and are then cut off. Run returns a second after that at the
// latest, even if some requests still run: they end with the program. The error is
// that of the server that failed, or Close's. When Run returns, no server accepts
// connections.
func (g *Group) Run(ctx context.Context) error {
	all := slices.Concat(g.Public, g.Admin)
	failures := make(chan error, len(all))
	for _, s := range all {
		go func() {
			if err := s.Serve(); err != nil {
				failures <- fmt.Errorf("%s: %w", s.Name, err)
			}
		}()
	}
	g.Ready()
	var failed error
	select {
	case <-ctx.Done():
		g.Logger.Info("shutting down", "timeout", g.Timeout)
	case failed = <-failures:
	}
	end := time.Now().Add(g.Timeout + closeTime)
	g.Drain()
	g.stop()
	if err := g.closeUntil(end); failed == nil {
		return err
	}
	return failed
}

// stop stops all servers within the timeout, and cuts off those that need longer.
func (g *Group) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), g.Timeout)
	defer cancel()
	for _, servers := range [][]Server{g.Public, g.Admin} {
		var mu sync.Mutex
		var late []Server
		var stopping sync.WaitGroup
		for _, s := range servers {
			stopping.Go(func() {
				if s.Stop(ctx) != nil {
					mu.Lock()
					defer mu.Unlock()
					late = append(late, s)
				}
			})
		}
		stopping.Wait()
		g.cut(late)
	}
}

// cut cuts off the requests in flight at servers.
func (g *Group) cut(servers []Server) {
	if len(servers) == 0 {
		return
	}
	var names []string
	for _, s := range servers {
		names = append(names, s.Name)
	}
	about := []any{"servers", names, "timeout", g.Timeout}
	if g.InFlight != nil {
		about = append(about, g.InFlight()...)
	}
	g.Logger.Warn("requests in flight were cut off", about...)
	done := make(chan struct{}, len(servers))
	for _, s := range servers {
		go func() {
			s.Cut()
			done <- struct{}{}
		}()
	}
	enough := time.After(cutTime)
	for range servers {
		select {
		case <-done:
		case <-enough:
			return
		}
	}
}

// closeUntil calls Close, and waits for it until the end.
func (g *Group) closeUntil(end time.Time) error {
	if g.Close == nil {
		return nil
	}
	closed := make(chan error, 1)
	go func() { closed <- g.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(time.Until(end)):
		g.Logger.Warn("ended before all was closed: requests in flight did not end; acknowledged uploads are durable")
		return nil
	}
}
