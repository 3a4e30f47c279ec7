package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// maxBackends bounds the list of --backend: an edge keeps a connection to each.
const maxBackends = 64

// Gateway is the settings of `torrentcache gateway`.
type Gateway struct {
	Doors
	Backend      string // as given: HOST:PORT,HOST:PORT,... of gRPC servers
	BackendTLS   ClientTLS
	BackendToken string // key for the feed; or
	// BackendTokenFile is the name of the file that holds the key.
	BackendTokenFile string
	MaxStale         time.Duration
}

// AddFlags binds the settings to flags and sets their defaults.
func (g *Gateway) AddFlags(flags *pflag.FlagSet) {
	addSection(flags, "Backend", g.addBackend)
	g.Doors.AddFlags(flags)
	flags.Lookup("admin-addr").Usage = "`address` to listen on for the operator: metrics, health, pprof; keep it private"
}

func (g *Gateway) addBackend(flags *pflag.FlagSet) {
	flags.StringVar(&g.Backend, "backend", "", "gRPC `addresses` (--grpc-addr) of the torrentcache servers; several, with commas, if they share a store (host:port,..., required)")
	g.BackendTLS.AddFlags(flags, "backend-", "backend")
	flags.StringVar(&g.BackendToken, "backend-token", "", "`key` with the role sync, for the backend's feed of changes; calls of users carry their own keys")
	flags.StringVar(&g.BackendTokenFile, "backend-token-file", "", "`file` that holds that key; read again on SIGHUP")
	MarkSecret(flags.Lookup("backend-token"))
	DurationVar(flags, &g.MaxStale, "max-stale", time.Minute, "how long copies in memory answer reads while no backend can reach its store; torrents removed meanwhile may be served for this long")
}

// Validate reports the first wrong setting, by its flag.
func (g *Gateway) Validate() error {
	if g.Backend == "" {
		return errors.New("--backend is missing: want the host:port of a torrentcache server's --grpc-addr")
	}
	addresses := g.Backends()
	if len(addresses) > maxBackends {
		return fmt.Errorf("--backend has %d addresses: want at most %d; a name may stand for many", len(addresses), maxBackends)
	}
	for _, address := range addresses {
		if !IsHostPort(address) {
			return fmt.Errorf("--backend %q: want host:port, several with commas", address)
		}
	}
	if g.BackendToken != "" && g.BackendTokenFile != "" {
		return errors.New("--backend-token and --backend-token-file: want one of them")
	}
	if g.MaxStale < 0 {
		return fmt.Errorf("--max-stale %s: want zero or more", g.MaxStale)
	}
	if g.TLS.hasCertificate() && g.HTTPSAddr == Off {
		return errors.New("--tls-cert, --tls-key and --acme need --https-addr")
	}
	return firstOf(g.Doors.Validate(), g.BackendTLS.Validate())
}

// Backends returns the addresses of Backend.
func (g *Gateway) Backends() []string {
	addresses := strings.Split(g.Backend, ",")
	for i, a := range addresses {
		addresses[i] = strings.TrimSpace(a)
	}
	return addresses
}
