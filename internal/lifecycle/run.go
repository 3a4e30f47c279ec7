package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"google.golang.org/grpc"
)

// Server is one server on its listener.
type Server struct {
	// Name is for errors and the log.
	Name string
	// Serve serves until it is stopped, and returns nil then.
	Serve func() error
	// Stop ends accepting and waits for what is in flight; when ctx ends it cuts
	// that off and returns ctx's error.
	Stop func(ctx context.Context) error
}

// HTTP returns s on l as a Server. If there is TLS, l speaks it.
func HTTP(name string, s *http.Server, l net.Listener) Server {
	return httpServer(name, s, func() error { return s.Serve(l) })
}

// HTTPS returns s on l, over TLS as its configuration says, as a Server.
func HTTPS(name string, s *http.Server, l net.Listener) Server {
	return httpServer(name, s, func() error { return s.ServeTLS(l, "", "") })
}

func httpServer(name string, s *http.Server, serve func() error) Server {
	return Server{
		Name: name,
		Serve: func() error {
			if err := serve(); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		},
		Stop: func(ctx context.Context) error {
			err := s.Shutdown(ctx)
			if err != nil {
				_ = s.Close() // cuts off what is left; nothing more can be done about it
			}
			return err
		},
	}
}

// GRPC returns s on l as a Server.
func GRPC(name string, s *grpc.Server, l net.Listener) Server {
	return Server{
		Name:  name,
		Serve: func() error { return s.Serve(l) },
		Stop: func(ctx context.Context) error {
			done := make(chan struct{})
			go func() {
				s.GracefulStop()
				close(done)
			}()
			select {
			case <-done:
				return nil
			case <-ctx.Done():
				s.Stop()
				<-done
				return ctx.Err()
			}
		},
	}
}

// Group is what Run runs.
type Group struct {
	Public  []Server // stopped first, all at once
	Admin   []Server // stopped when those are done
	Timeout time.Duration
	Logger  *slog.Logger
	// Ready is called when all servers have been started, Drain when the
	// shutdown begins.
	Ready, Drain func()
}

// Run serves until ctx ends or a server fails, then shuts down: what is in
// flight has Timeout to finish. The error is that of the server that failed.
// When Run returns no server is serving.
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
	g.Drain()
	g.stop()
	return failed
}

// stop stops all servers within the timeout.
func (g *Group) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), g.Timeout)
	defer cancel()
	for _, servers := range [][]Server{g.Public, g.Admin} {
		done := make(chan struct{})
		for _, s := range servers {
			go func() {
				if err := s.Stop(ctx); err != nil {
					g.Logger.Warn("requests in flight were cut off", "server", s.Name, "cause", err)
				}
				done <- struct{}{}
			}()
		}
		for range servers {
			<-done
		}
	}
}
