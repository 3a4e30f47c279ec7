package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const serveHelp = `Serve everything from this machine: the store, the gRPC API, and the HTTP doors
(pages, JSON, downloads, SOAP, forms).

By default only this machine can reach it. To open it to the network:

  torrentcache serve --http-addr :8080 --grpc-addr :9090 --public-url https://example.org

Keep --admin-addr private: who reaches it can remove torrents. HTTP and HTTPS
serve the same and nothing redirects. gRPC has no TLS of its own.

SIGTERM or SIGINT: finish what is in flight, close the store, exit 0. A second
one: exit at once. An upload that was answered OK survives either, and kill -9.

Every flag can also be set in the environment: --data-dir by TORRENTCACHE_DATA_DIR.
Sizes: 10MB is 10,000,000 bytes, 10MiB is 10,485,760.`

func newServe(env environment) *cobra.Command {
	var cfg config.Serve
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve everything: store, gRPC, HTTP",
		Long:  serveHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			given := config.Given(c.Flags())
			if err := settings(c, env, cfg.Validate); err != nil {
				return err
			}
			return serve(c.Context(), cfg, env, func() (config.Doors, error) {
				var fresh config.Serve
				err := reread(&fresh, given, env.environ)
				return fresh.Doors, err
			})
		},
	}
	cfg.AddFlags(c.Flags())
	return c
}

// serve opens the store and serves until ctx ends. Reread reads the settings anew.
func serve(ctx context.Context, cfg config.Serve, env environment, reread func() (config.Doors, error)) (err error) {
	h, err := newHouse(cfg.Doors, env)
	if err != nil {
		return err
	}
	h.reloads.settings = reread
	if err := h.addGate(cfg.Access); err != nil {
		return err
	}
	dir, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return fmt.Errorf("--data-dir %s: %w", cfg.DataDir, err)
	}
	st, err := openStore(diskstore.Options{
		Dir:            dir,
		Logger:         h.logger,
		MinFreeSpace:   orNone(cfg.MinFreeSpace),
		MaxStoreSize:   int64(cfg.MaxStoreSize),
		CompactionRate: orNone(cfg.CompactionRate),
		CacheSize:      int64(cfg.IndexCacheSize),
		OnDamage:       func(infohash.Set) { h.metrics.StoreDamaged() },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing(st)) }()
	if err := h.serveStore(ctx, cfg, st); err != nil {
		return err
	}
	h.announcement.data = dir
	return h.run(ctx)
}

// orNone translates 0 for the store, where it means the default.
func orNone(size config.Size) int64 {
	if size == 0 {
		return none
	}
	return int64(size)
}

func closing(st store.Store) error {
	if err := st.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// serveStore adds to the house all doors to a server over st.
func (h *house) serveStore(ctx context.Context, cfg config.Serve, st *diskstore.Store) error {
	srv := server.New(server.Options{
		Store:          st,
		MaxTorrentSize: int64(cfg.MaxTorrentSize),
		RefusePrivate:  cfg.Private == "reject",
		Version:        buildinfo.Read().Version,
		Logger:         h.logger,
		OnChange:       h.changed,
		Maintenance:    maintenance{st, h.metrics},
		OnDrain:        h.drain,
	})
	chain := h.chain()
	h.metrics.WatchStore(storeStats(st))
	h.ready = lifecycle.NewReadiness(func(context.Context) error { return st.Err() })
	go h.watchStore(ctx, st.Err)
	if err := h.addGRPC(ctx, cfg, server.NewGRPC(chain, srv.MaxMessageSize(), h.health, srv.RegisterPublic)); err != nil {
		return err
	}
	if err := h.addPublic(ctx, server.InProcess(chain, srv.MaxMessageSize(), srv.RegisterPublic), false); err != nil {
		return err
	}
	return h.addAdmin(ctx, adminCalls{
		network: server.NewGRPC(chain, srv.MaxMessageSize(), h.health, func(r grpc.ServiceRegistrar) {
			srv.RegisterPublic(r)
			srv.RegisterAdmin(r)
		}),
		local: server.InProcess(chain, srv.MaxMessageSize(), srv.RegisterAdmin),
	})
}

// chain is the interceptors of all calls.
func (h *house) chain() server.Chain {
	return server.Chain{
		Logger:  h.logger,
		Quit:    h.quit,
		Access:  h.gate,
		Proxies: origin.Proxies(h.cfg.TrustedProxies),
		Observe: func(c server.Call) {
			h.metrics.ObserveRPC(c.Method, c.Code.String(), c.Duration, c.BytesIn, c.BytesOut)
		},
	}
}

func (h *house) addGRPC(ctx context.Context, cfg config.Serve, s *grpc.Server) error {
	if cfg.GRPCAddr == config.Off {
		return nil
	}
	l, err := lifecycle.Listen(ctx, "grpc-addr", cfg.GRPCAddr)
	if err != nil {
		return err
	}
	h.announcement.grpc = l.Addr()
	for service := range s.GetServiceInfo() {
		h.health.SetServingStatus(service, grpc_health_v1.HealthCheckResponse_SERVING)
	}
	h.group.Public = append(h.group.Public, lifecycle.GRPC("gRPC", s, l))
	return nil
}

func storeStats(st store.Store) func(context.Context) (telemetry.StoreStats, error) {
	return func(ctx context.Context) (telemetry.StoreStats, error) {
		s, err := st.Stats(ctx)
		return telemetry.StoreStats{Torrents: s.Torrents, Removed: s.Removed, Bytes: s.Bytes, DiskBytes: s.DiskUsed}, err
	}
}
