package main

import (
	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/daemon"
)

const serveHelp = `Serve everything from this machine: the store, the gRPC API, and the HTTP doors
(pages, JSON, downloads, SOAP, forms).

By default only this machine can reach it. To open it to the network:

  torrentcache serve --http-addr :8080 --grpc-addr :9090 \
      --public-url https://example.org

Several nodes over one bucket of an S3-compatible object store, each with the same
--store (credentials as AWS's tools find them):

  torrentcache serve \
      --store 's3://bucket/prefix?endpoint=https://s3.example.org&region=eu-1'

Who may do what is in --keys-file and --anonymous (torrentcache key --help). Without
them everybody who reaches the server reads and writes, and who reaches --admin-addr
can remove torrents: keep that private.

HTTP and HTTPS serve the same and nothing redirects. --grpc-tls on is for gRPC what
HTTPS is for HTTP. A certificate that changes in its file is in force within a minute.

SIGTERM or SIGINT: finish what is in flight, close the store, exit 0. A second
one: exit at once. An upload that was answered OK survives either, and kill -9.
SIGHUP: read keys, certificates, limits and deny lists again.

Every flag can also be set in the environment: --data-dir by TORRENTCACHE_DATA_DIR,
and in the file of --config (torrentcache config --help).
Sizes: 10MB is 10,000,000 bytes, 10MiB is 10,485,760. Durations: 500ms, 30s, 10m, 24h,
7d, 1d12h.
A limit of 0 is none, unless its line says otherwise.`

func newServe(env environment) *cobra.Command {
	var cfg config.Serve
	c := &cobra.Command{
		Use:        "serve",
		SuggestFor: []string{"run", "start"},
		Short:      "Serve everything: store, gRPC, HTTP",
		Long:       serveHelp,
		Args:       noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			given := config.Given(c.Flags())
			if err := settings(c, env, cfg.Validate); err != nil {
				return err
			}
			return daemon.Serve(c.Context(), cfg, env.daemon(), func() (config.Doors, []string, error) {
				var fresh config.Serve
				changed, err := config.Again(&fresh, c.Flags(), given, env.environ)
				return fresh.Doors, changed, err
			})
		},
	}
	cfg.AddFlags(c.Flags())
	return c
}
