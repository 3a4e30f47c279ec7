package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"google.golang.org/grpc/health"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/web"
)

const (
	maxTorrentSize = 10_000_000
	memoryLimit    = 16 << 30 // bytes, as --memory-limit
)

// serveProduct serves torrentcache's gRPC from a store in memory, otherwise as
// `torrentcache serve` does.
func serveProduct(args []string) error {
	l, err := listen(args[0])
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(memoryLimit)
	srv, chain, _ := newProduct()
	return rpc.NewGRPC(chain, nil, srv.MaxMessageSize(), health.NewServer(), srv.RegisterPublic).Serve(l)
}

// serveProductJSON serves torrentcache's JSON from a store in memory, as `torrentcache serve`
// does but without its hot cache.
func serveProductJSON(args []string) error {
	debug.SetMemoryLimit(memoryLimit)
	srv, chain, metrics := newProduct()
	door, err := gateway.New(gateway.Options{
		Conn:    rpc.InProcess(chain, srv.MaxMessageSize(), srv.RegisterPublic),
		Options: web.Options{MaxTorrentSize: maxTorrentSize},
	})
	if err != nil {
		return err
	}
	logger := slog.Default()
	handler := front.New(front.Options{Routes: door.Routes(), Limits: limit.New(limit.Settings{}), Meter: meter{metrics}, Logger: logger})
	l, err := listen(args[0])
	if err != nil {
		return err
	}
	return lifecycle.NewPublicHTTP(handler, telemetry.HTTPErrorLog(logger)).Serve(l)
}

func newProduct() (*server.Server, rpc.Chain, *telemetry.Metrics) {
	metrics := telemetry.NewMetrics(telemetry.Build{})
	srv := server.New(server.Options{Store: memstore.New(), MaxTorrentSize: maxTorrentSize})
	return srv, rpc.Chain{Observe: func(c rpc.Call) {
		metrics.ObserveRPC(c.Method, c.Code.String(), c.Reason, c.Duration, c.BytesIn, c.BytesOut)
	}}, metrics
}

// serveBinary replaces the process with `torrentcache serve`, which has one public listener at
// the address.
func serveBinary(listener string) func(args []string) error {
	return func(args []string) error {
		addr, dir := args[0], args[2]
		binary := filepath.Join(filepath.Dir(dir), binaryName)
		argv := []string{binary, "serve", "--admin-addr", "127.0.0.1:0", "--data-dir", dir, "--http-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"}
		return syscall.Exec(binary, append(argv, listener, addr), os.Environ())
	}
}

// meter measures HTTP requests as the product does.
type meter struct{ *telemetry.Metrics }

// Began implements [front.Meter].
func (m meter) Began() { m.HTTPBegan() }

// Ended implements [front.Meter].
func (m meter) Ended(a front.Access) {
	m.HTTPEnded(a.Route.Door, a.Status, a.Outcome.Reason, a.Duration, a.Received, a.Sent)
}
