package lifecycle

import (
	"context"
	"errors"
	"net"
	"net/http"

	"google.golang.org/grpc"
)

// Server is one server on its listener.
type Server struct {
	// Name is for errors and the log.
	Name string
	// Serve serves until it is stopped, and returns nil then.
	Serve func() error
	// Stop ends accepting and waits for what is in flight. It returns ctx's error if
	// that ends first.
	Stop func(ctx context.Context) error
	// Cut closes the connections after such an error. What is in flight hears by its
	// context, and may go on for a while all the same.
	Cut func()
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
		Stop: s.Shutdown,
		Cut:  func() { _ = s.Close() }, // nothing can be done about an error
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
				return ctx.Err()
			}
		},
		// Stop waits two minutes for connections that have not said yet what they want.
		Cut: s.Stop,
	}
}
