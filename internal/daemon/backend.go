package daemon

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/nodes"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/rpc"
)

// dialBackend returns the connection to the servers behind a gateway. It shows their
// feed the key that key returns. Errors name the flag.
func (d *daemon) dialBackend(cfg config.Gateway, key func() string) (*nodes.Conn, error) {
	arriving := d.limits.Buffers(limit.Answering)
	o := nodes.Options{
		Ping: rpc.ClientPing, MaxMessageSize: server.MaxMessageSize(int64(cfg.MaxTorrentSize)),
		FeedToken: key, Arriving: arriving, Reserve: arriving.Reserve,
	}
	var err error
	if o.TLS, err = cfg.BackendTLS.Config(); err != nil {
		return nil, err
	}
	conn, err := nodes.Dial(cfg.Backends(), o)
	if err != nil {
		return nil, fmt.Errorf("--backend %s: %w", cfg.Backend, err)
	}
	return conn, nil
}

// backendCheck asks the backend whether it can serve. Its error is for the operator.
func backendCheck(backend string, conn grpc.ClientConnInterface) func(context.Context) error {
	health := grpc_health_v1.NewHealthClient(conn)
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		answer, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		switch {
		case err != nil:
			return fmt.Errorf("the backend (--backend %s) cannot be asked: %s", backend, nodes.Explain(err))
		case answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING:
			return fmt.Errorf("the backend (--backend %s) says that it cannot serve: it starts, drains, or has no store", backend)
		}
		return nil
	}
}

// watchBackend reports each time when the backend stops or begins to serve, until ctx ends.
func (d *daemon) watchBackend(ctx context.Context, check func(context.Context) error) {
	serves := d.metrics.Backend()
	serves(true)
	lifecycle.Watch(ctx, func() error { return check(ctx) }, func(cause error) {
		if ctx.Err() != nil {
			return
		}
		serves(cause == nil)
		if cause != nil {
			d.logger.Error("requests fail: the backend does not serve", "cause", cause)
			return
		}
		d.logger.Info("the backend serves")
		d.supervisor.status("")
	})
}

// backendKey returns a function that returns the key that a gateway shows to the feed. A new key
// in the file is shown when the feed is asked for the next time.
func (d *daemon) backendKey(cfg config.Gateway) (func() string, error) {
	if cfg.BackendTokenFile == "" {
		return func() string { return cfg.BackendToken }, nil
	}
	return d.keyIn(cfg.BackendTokenFile, "--backend-token-file", "key for the backend")
}

// keyIn returns a function that returns the key in a file. The file is read at once, and again
// on SIGHUP. Errors have setting in them, and lines of the log have name.
func (d *daemon) keyIn(file, setting, name string) (func() string, error) {
	var key atomic.Pointer[string]
	read := func(config.Doors) error {
		text, err := config.ReadSecret(file)
		if err != nil {
			return fmt.Errorf("%s: %w", setting, err)
		}
		key.Store(&text)
		return nil
	}
	d.reloads.On(name, read)
	return func() string { return *key.Load() }, read(config.Doors{})
}
