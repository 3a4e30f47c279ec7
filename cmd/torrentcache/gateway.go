package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
)

const gatewayHelp = `Serve the HTTP doors (pages, JSON, downloads, SOAP, forms) for a torrentcache
server on another machine, which is reached by gRPC:

  cache1$ torrentcache serve --grpc-addr 10.0.0.5:9090 --http-addr 127.0.0.1:8080
  web1$   torrentcache gateway --backend 10.0.0.5:9090 --http-addr :80

The way between the two is not encrypted: keep it on a private network. Give both
the same --max-torrent-size, and name the gateway's address in the server's
--trusted-proxies, so that it hears which client a call is for. /readyz tells whether the backend can serve.

Every flag can also be set in the environment: --backend by TORRENTCACHE_BACKEND.`

func newGateway(env environment) *cobra.Command {
	var cfg config.Gateway
	c := &cobra.Command{
		Use:   "gateway --backend HOST:PORT",
		Short: "Serve the HTTP doors alone, against a remote gRPC server",
		Long:  gatewayHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			given := config.Given(c.Flags())
			if err := settings(c, env, cfg.Validate); err != nil {
				return err
			}
			return serveGateway(c.Context(), cfg, env, func() (config.Doors, error) {
				var fresh config.Gateway
				err := reread(&fresh, given, env.environ)
				return fresh.Doors, err
			})
		},
	}
	cfg.AddFlags(c.Flags())
	return c
}

// serveGateway serves the doors until ctx ends. Reread reads the settings anew.
func serveGateway(ctx context.Context, cfg config.Gateway, env environment, reread func() (config.Doors, error)) error {
	h, err := newHouse(cfg.Doors, env)
	if err != nil {
		return err
	}
	h.reloads.settings = reread
	conn, err := dial(cfg.Backend, int64(cfg.MaxTorrentSize))
	if err != nil {
		return fmt.Errorf("--backend %s: %w", cfg.Backend, err)
	}
	defer func() { _ = conn.Close() }() // nothing is in flight any more
	h.ready = lifecycle.NewReadiness(backendCheck(conn))
	if err := h.addPublic(ctx, conn, true); err != nil {
		return err
	}
	if err := h.addAdmin(ctx, adminCalls{}); err != nil {
		return err
	}
	h.announcement.backend = cfg.Backend
	return h.run(ctx)
}
