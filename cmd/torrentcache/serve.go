package main

import (
	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/daemon"
)

const serveHelp = `Serve everything from this machine: the store, the gRPC API and the HTTP doors
(pages, JSON, downloads, SOAP, forms).

By default only this machine can reach the server. To open it to the network:

  torrentcache serve --http-addr :8080 --grpc-addr :9090 \
      --public-url https://example.org

Several nodes can serve one bucket of an S3-compatible object store. Start each with
the same --store; it finds the credentials where the AWS tools do:

  torrentcache serve \
      --store 's3://bucket/prefix?endpoint=https://s3.example.org&region=eu-1'

--keys-file and --anonymous say who may do what (torrentcache key --help). Without
them everybody who reaches the server can read and write, and everybody who reaches
--admin-addr can remove torrents: keep that address private.

HTTP and HTTPS serve the same content, and neither redirects to the other. --grpc-tls
on does for gRPC what HTTPS does for HTTP. A certificate whose file changes is in use
within a minute.

SIGTERM or SIGINT: finish the requests in flight, close the store, exit 0. A second
signal: exit at once. An upload that was answered OK survives both, and kill -9.
SIGHUP: read keys, certificates, limits and deny lists again.

Every flag can also be set in the environment: --data-dir by TORRENTCACHE_DATA_DIR,
and in the file of --config (torrentcache config --help).
Sizes: 10MB is 10,000,000 bytes, 10MiB is 10,485,760. Durations: 500ms, 30s, 10m, 24h,
7d, 1d12h.
A limit of 0 means no limit, unless its line says otherwise.`

func newServe(env cli.Environment) *cobra.Command {
	var cfg config.Serve
	c := &cobra.Command{
		Use:        "serve",
		SuggestFor: []string{"run", "start"},
		Short:      "Serve everything: store, gRPC, HTTP",
		Long:       serveHelp,
		Args:       cli.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			given := config.Given(c.Flags())
			if err := env.Settings(c, cfg.Validate); err != nil {
				return err
			}
			return daemon.Serve(c.Context(), cfg, daemonEnvironment(env), func() (config.Doors, []string, error) {
				var fresh config.Serve
				changed, err := config.Again(&fresh, c.Flags(), given, env.Environ)
				return fresh.Doors, changed, err
			})
		},
	}
	cfg.AddFlags(c.Flags())
	return c
}

const gatewayHelp = `Serve the HTTP doors (pages, JSON, downloads, SOAP, forms) for torrentcache servers
on other machines. The gateway reaches them by gRPC:

  cache1$ torrentcache serve --grpc-addr 10.0.0.5:9090
  web1$   torrentcache gateway --backend 10.0.0.5:9090 --http-addr :80

If several servers share one store (docs/distributed.md), name all of them, or a DNS
name that has all their addresses:

  web1$ torrentcache gateway --backend 10.0.0.5:9090,10.0.0.6:9090 \
            --http-addr :80

Calls go to all servers in turn, except those that are down or drain. If a server does
not answer a read, the gateway asks another one; it never repeats an upload.

The gateway keeps the torrents that are asked for most in memory. To learn of changes
it follows the feed of one server, or of another if that one goes away. This takes a
key with the role sync (--backend-token-file). While the gateway hears no feed, it
answers nothing from memory and asks a server for every torrent.

Without --backend-tls the calls are not encrypted: keep them on a private network.
Give the gateway and all servers the same --max-torrent-size. Name the gateway's
address in the servers' --trusted-proxies, so that they learn which client each call
is for. /readyz tells whether a backend can serve.

Every flag can also be set in the environment: --backend by TORRENTCACHE_BACKEND.`

func newGateway(env cli.Environment) *cobra.Command {
	var cfg config.Gateway
	c := &cobra.Command{
		Use:   "gateway --backend HOST:PORT[,HOST:PORT...]",
		Short: "Serve the HTTP doors alone, against remote gRPC servers",
		Long:  gatewayHelp,
		Args:  cli.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			given := config.Given(c.Flags())
			if err := env.Settings(c, cfg.Validate); err != nil {
				return err
			}
			return daemon.Gateway(c.Context(), cfg, daemonEnvironment(env), func() (config.Doors, []string, error) {
				var fresh config.Gateway
				changed, err := config.Again(&fresh, c.Flags(), given, env.Environ)
				return fresh.Doors, changed, err
			})
		},
	}
	cfg.AddFlags(c.Flags())
	return c
}
