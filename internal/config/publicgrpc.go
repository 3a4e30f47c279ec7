package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// TLSPrefix marks a gRPC address that speaks TLS.
const TLSPrefix = "tls://"

func (d *Doors) validatePublicGRPC() error {
	if d.PublicGRPCAddr == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(d.PublicGRPCAddr, TLSPrefix))
	n, numErr := strconv.Atoi(port)
	if err != nil || numErr != nil || n < 1 || n > 65535 || !origin.IsHost(net.JoinHostPort(host, port)) {
		return fmt.Errorf("--public-grpc-addr %q: want HOST:PORT, or tls://HOST:PORT", d.PublicGRPCAddr)
	}
	return nil
}
