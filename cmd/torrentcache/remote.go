package main

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/config"
)

// remoteHelp ends the help of every command that talks to a server.
const remoteHelp = `
--server is the gRPC address of a torrentcache server (its --grpc-addr), not that
of its web pages. Every flag can also be set in the environment: --server by
TORRENTCACHE_SERVER, and --token by TORRENTCACHE_TOKEN, where other users of the
machine do not see it.`

// remote is how the client commands reach a server.
type remote struct {
	server         string
	security       config.ClientTLS
	token          token
	maxTorrentSize config.Size
}

func (r *remote) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&r.server, "server", "127.0.0.1:9090", "gRPC address of the server (host:port)")
	r.security.AddFlags(flags, "", "server")
	r.token.addFlags(flags)
	r.maxTorrentSize = client.DefaultMaxTorrentSize
	flags.Var(&r.maxTorrentSize, "max-torrent-size", "largest torrent to handle; set it to what the server was started with")
}

func (r *remote) validate() error {
	if host, port, err := net.SplitHostPort(r.server); err != nil || host == "" || port == "" || strings.Contains(r.server, "/") {
		return fmt.Errorf("--server %q: want host:port of a server's gRPC listener, such as 127.0.0.1:9090", r.server)
	}
	if r.maxTorrentSize < 1 {
		return fmt.Errorf("--max-torrent-size %s: want more than zero", r.maxTorrentSize)
	}
	return r.security.Validate()
}

func (r *remote) dial() (*client.Client, error) {
	key, err := r.token.read()
	if err != nil {
		return nil, err
	}
	secure, err := r.security.Config()
	if err != nil {
		return nil, err
	}
	return client.Dial(r.server, client.Options{TLS: secure, Token: key, MaxTorrentSize: int64(r.maxTorrentSize)})
}

// token is the key that a command shows.
type token struct {
	text string
	file string // that holds it
}

func (t *token) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&t.text, "token", "", "`key` to show as Authorization: Bearer TOKEN; with it use TLS or a tunnel outside this machine")
	flags.StringVar(&t.file, "token-file", "", "`file` that holds the key")
	config.MarkSecret(flags.Lookup("token"))
}

// read returns the key, "" if there is none.
func (t *token) read() (string, error) {
	switch {
	case t.file == "":
		return t.text, nil
	case t.text != "":
		return "", errors.New("--token and --token-file: want one of them")
	}
	text, err := config.ReadSecret(t.file)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	return text, nil
}
