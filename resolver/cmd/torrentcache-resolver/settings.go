package main

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/resolver/internal/dhtnode"
)

// settings are the values of the flags.
type settings struct {
	server           string
	security         config.ClientTLS
	token, tokenFile string
	maxTorrentSize   config.Size
	trackers         config.Addresses
	dhtAddr          string // HOST:PORT, or config.Off
	dhtBootstrap     []string
	localPeers       bool
	metricsAddr      string // HOST:PORT, or config.Off
	config           string // file name
	json             bool
}

func (s *settings) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.server, "server", "127.0.0.1:9090", "gRPC address of the server (host:port)")
	s.security.AddFlags(flags, "", "server")
	flags.StringVar(&s.token, "token", "", "`key` to show as Authorization: Bearer TOKEN; with it use TLS or a tunnel outside this machine")
	flags.StringVar(&s.tokenFile, "token-file", "", "`file` that holds the key")
	config.MarkSecret(flags.Lookup("token"))
	s.maxTorrentSize = client.DefaultMaxTorrentSize
	flags.Var(&s.maxTorrentSize, "max-torrent-size", "largest torrent to take; set it to the server's --max-torrent-size")
	flags.Var(&s.trackers, "trackers", "trackers to ask for every torrent, besides those of its magnet link: addresses (http, https, udp) with commas between")
	flags.StringVar(&s.dhtAddr, "dht-addr", ":0", "`address` to ask the DHT from, by UDP over IPv4 (host:port, :0 is any port, off is no DHT)")
	flags.StringSliceVar(&s.dhtBootstrap, "dht-bootstrap", dhtnode.DefaultBootstrap(), "nodes of the DHT to ask first (host:port)")
	flags.BoolVar(&s.localPeers, "local-peers", false, "connect to loopback, private and other addresses that are not public, too")
	flags.StringVar(&s.metricsAddr, "metrics-addr", config.Off, "`address` to serve /metrics and /livez at (host:port or off)")
	flags.StringVar(&s.config, "config", "", "`file` of settings: a line for each flag, its name without --, a colon, and its value")
	flags.BoolVar(&s.json, "json", false, "write a JSON object for each torrent, and a last one with the counts, one a line")
}

// validate reports the first invalid setting by its flag.
func (s *settings) validate() error {
	if err := hostPort("server", s.server); err != nil {
		return err
	}
	if s.maxTorrentSize < 1 {
		return fmt.Errorf("--max-torrent-size %s: want more than zero", s.maxTorrentSize)
	}
	for _, address := range s.trackers {
		if !wanted.IsTracker(address) {
			return fmt.Errorf("--trackers %s: want http, https or udp (with a port), at most 200 bytes, and no passkey in it", config.Redact(address))
		}
	}
	if _, _, err := net.SplitHostPort(s.dhtAddr); err != nil && s.dhtAddr != config.Off {
		return fmt.Errorf("--dht-addr %q: want host:port, :0 or off", s.dhtAddr)
	}
	for _, address := range s.dhtBootstrap {
		if err := hostPort("dht-bootstrap", address); err != nil {
			return err
		}
	}
	return s.security.Validate()
}

func hostPort(flag, address string) error {
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" || strings.Contains(address, "/") {
		return fmt.Errorf("--%s %q: want host:port", flag, address)
	}
	return nil
}

// dial returns a client of the server.
func (s *settings) dial() (*client.Client, error) {
	key := s.token
	if s.tokenFile != "" {
		if key != "" {
			return nil, errors.New("--token and --token-file: want one of them")
		}
		var err error
		if key, err = config.ReadSecret(s.tokenFile); err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
	}
	secure, err := s.security.Config()
	if err != nil {
		return nil, err
	}
	return client.Dial(s.server, client.Options{TLS: secure, Token: key, MaxTorrentSize: int64(s.maxTorrentSize)})
}
