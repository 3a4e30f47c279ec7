// Package user has the commands for users of a server. They call its public gRPC address: push,
// import, get, info, missing and changes.
package user

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
)

// remoteHelp ends the help of every command that talks to a server.
const remoteHelp = `
--server is the gRPC address of a torrentcache server (its --grpc-addr), not the
address of its web pages. Every flag can also be set in the environment: --server by
TORRENTCACHE_SERVER, and --token by TORRENTCACHE_TOKEN, where other users of the
machine do not see the key.`

// remote has the flags by which the client commands reach a server.
type remote struct {
	server         string
	security       config.ClientTLS
	token          cli.Token
	maxTorrentSize config.Size
}

func (r *remote) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&r.server, "server", "127.0.0.1:9090", "gRPC address of the server (host:port)")
	r.security.AddFlags(flags, "", "server")
	r.token.AddFlags(flags)
	r.maxTorrentSize = client.DefaultMaxTorrentSize
	flags.Var(&r.maxTorrentSize, "max-torrent-size", "largest torrent to handle; give the value that the server has")
}

func (r *remote) validate() error {
	if !config.IsHostPort(r.server) {
		return fmt.Errorf("--server %q: want host:port of a server's gRPC listener, such as 127.0.0.1:9090", r.server)
	}
	if r.maxTorrentSize < 1 {
		return fmt.Errorf("--max-torrent-size %s: want more than zero", r.maxTorrentSize)
	}
	return r.security.Validate()
}

func (r *remote) dial() (*client.Client, error) {
	key, err := r.token.Read()
	if err != nil {
		return nil, err
	}
	secure, err := r.security.Config()
	if err != nil {
		return nil, err
	}
	return client.Dial(r.server, client.Options{TLS: secure, Token: key, MaxTorrentSize: int64(r.maxTorrentSize)})
}
