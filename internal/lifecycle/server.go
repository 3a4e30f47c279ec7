package lifecycle

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"syscall"
	"time"

	"google.golang.org/grpc"
)

// Server is one server on its listener.
type Server struct {
	// Name is for errors and the log.
	Name string
	// Serve serves until it is stopped, and returns nil then.
	Serve func() error
	// Stop stops accepting and waits for the requests in flight. It returns ctx's error
	// if ctx ends first.
	Stop func(ctx context.Context) error
	// Cut closes the connections after an error of Stop. The contexts of requests in
	// flight end, but the requests may go on for a while all the same.
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
		// s.Stop waits up to two minutes for connections that are still in their handshake.
		Cut: s.Stop,
	}
}

// Times and sizes of HTTP connections. ReadTimeout and WriteTimeout cover whole
// bodies: 10 MB in 10 minutes is 17 kB/s, which the slowest lines still do.
const (
	readHeaderTimeout = 10 * time.Second
	bodyTimeout       = 10 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// NewPublicHTTP returns a server for the public: cleartext HTTP/1.1.
func NewPublicHTTP(handler http.Handler, errorLog *log.Logger) *http.Server {
	s := newHTTP(handler, errorLog)
	s.ReadTimeout, s.WriteTimeout = bodyTimeout, bodyTimeout
	s.Protocols.SetHTTP1(true)
	return s
}

// NewPublicHTTPS returns a server for the public: HTTP/1.1 and HTTP/2 over TLS,
// as config says. Start it with ServeTLS and no file names.
func NewPublicHTTPS(handler http.Handler, errorLog *log.Logger, config *tls.Config) *http.Server {
	s := NewPublicHTTP(handler, errorLog)
	s.Protocols.SetHTTP2(true)
	s.TLSConfig = config
	return s
}

// NewAdminHTTP returns a server for the operator: cleartext HTTP/1.1, and HTTP/2
// without TLS for gRPC. Answers may take as long as they like: profiles and
// progress streams do.
func NewAdminHTTP(handler http.Handler, errorLog *log.Logger) *http.Server {
	s := newHTTP(handler, errorLog)
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

func newHTTP(handler http.Handler, errorLog *log.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ErrorLog:          errorLog,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         new(http.Protocols),
	}
}

// windowsAddrInUse is WSAEADDRINUSE, which package syscall does not name; Unix
// has no such number.
const windowsAddrInUse = syscall.Errno(10048)

// Listen listens on a TCP address. The error names the setting and, where it can,
// the remedy.
func Listen(ctx context.Context, setting, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, windowsAddrInUse):
		return nil, fmt.Errorf("--%s %s: another program uses the port: stop it, or choose another port", setting, address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("--%s %s: not allowed: ports below 1024 need a privilege, choose a higher one", setting, address)
	default:
		return nil, fmt.Errorf("--%s %s: cannot listen: %w", setting, address, cause(err))
	}
}

// cause returns the last error of err's chain, which does not repeat the address
// as net's own errors do.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
