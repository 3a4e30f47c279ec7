package main

import (
	"github.com/spf13/cobra"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/daemon"
)

const gatewayHelp = `Serve the HTTP doors (pages, JSON, downloads, SOAP, forms) for torrentcache servers
on other machines, which are reached by gRPC:

  cache1$ torrentcache serve --grpc-addr 10.0.0.5:9090
  web1$   torrentcache gateway --backend 10.0.0.5:9090 --http-addr :80

Of several servers over one store (docs/distributed.md) name all, or a name that has
all their addresses:

  web1$ torrentcache gateway --backend 10.0.0.5:9090,10.0.0.6:9090 \
            --http-addr :80

Calls go to all of them in turn, none to those that are down or drain. A read that a
server did not answer is made again at another one, an upload is not. The gateway
keeps what is asked for most, and follows one server's feed of changes, another's if
that goes, for which it needs a key with the role sync (--backend-token-file). While it
hears none, it keeps nothing and asks for everything.

Without --backend-tls the way between is not encrypted: keep it on a private network.
Give all the same --max-torrent-size, and name the gateway's address in the servers'
--trusted-proxies, so that they hear which client a call is for. /readyz tells
whether a backend can serve.

Every flag can also be set in the environment: --backend by TORRENTCACHE_BACKEND.`

func newGateway(env environment) *cobra.Command {
	var cfg config.Gateway
	c := &cobra.Command{
		Use:   "gateway --backend HOST:PORT[,HOST:PORT...]",
		Short: "Serve the HTTP doors alone, against remote gRPC servers",
		Long:  gatewayHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			given := config.Given(c.Flags())
			if err := settings(c, env, cfg.Validate); err != nil {
				return err
			}
			return daemon.Gateway(c.Context(), cfg, env.daemon(), func() (config.Doors, []string, error) {
				var fresh config.Gateway
				changed, err := config.Again(&fresh, c.Flags(), given, env.environ)
				return fresh.Doors, changed, err
			})
		},
	}
	cfg.AddFlags(c.Flags())
	return c
}
