package nodes_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/torrentcache/torrentcache/internal/nodes"
)

// For each way in which a backend cannot be reached, the error says what to change.
func TestExplain(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	empty := grpc.NewServer()
	go func() { _ = empty.Serve(l) }() // it ends with the test
	defer empty.Stop()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	for _, c := range []struct {
		name, address string
		tls           *tls.Config
		want          string
	}{
		{"nobody", nobody.Addr().String(), nil, "connection refused"},
		{"a web server", web.Listener.Addr().String(), nil, "the server there speaks no gRPC"},
		{"a web server with TLS", secure.Listener.Addr().String(), nil, "the server there"},
		{"no TLS", l.Addr().String(), &tls.Config{}, "the server there speaks no TLS"},
		{"an unknown authority", secure.Listener.Addr().String(), &tls.Config{}, "certificate signed by unknown authority"},
		{"another gRPC server", l.Addr().String(), nil, "the server there is no torrentcache server"},
		{"no such name", "no.such.name.invalid:9090", nil, "no.such.name.invalid has no address"},
	} {
		conn, err := nodes.Dial([]string{c.address}, nodes.Options{Ping: time.Minute, MaxMessageSize: 1 << 20, TLS: c.tls})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		cancel()
		if err == nil {
			t.Errorf("%s: no error", c.name)
		} else if got := nodes.Explain(err); !strings.Contains(got, c.want) || strings.Contains(got, "rpc error") {
			t.Errorf("%s: %q, want %q; grpc says %v", c.name, got, c.want, err)
		}
		_ = conn.Close()
	}
}
