// Package daemon runs the commands serve, which has a store, and gateway, whose store is behind
// servers on other machines. It wires the doors, the server, the store and their monitors, and is
// the only package that knows both a door and a store.
package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/gateway/hotcache"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/accesslog"
	"github.com/torrentcache/torrentcache/internal/adminhttp"
	"github.com/torrentcache/torrentcache/internal/budget"
	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/certificate"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reload"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/web"
)

// Environment has the parts of its process that the daemon uses besides the settings.
type Environment struct {
	Environ        []string // as from os.Environ
	Stdout, Stderr io.Writer
	Libraries      *telemetry.GRPCLog // gets the program's logger; nil means that there is none
}

// daemon is the common part of serve and gateway: the doors and their monitors.
// Serve and Gateway fill it and call run.
type daemon struct {
	cfg          config.Doors
	certificate  *certificate.Source // nil without TLS
	logger       *slog.Logger
	metrics      *telemetry.Metrics
	health       *health.Server // for gRPC clients
	services     []string       // whose state health tells; "" is the whole server
	ready        *lifecycle.Readiness
	notReady     func() error  // why it cannot serve at its start; nil: it can
	quit         chan struct{} // closed when the shutdown begins
	group        lifecycle.Group
	announcement announcement
	memory       budget.Memory
	grpcOverTLS  bool // the gRPC listener speaks TLS
	cache        *hotcache.Cache
	maxStale     time.Duration       // how long the cache answers while the bucket is away
	fast         *fastpath.Downloads // nil with --fast-path=off
	gate         *access.Gate        // admits callers; nil at a gateway, whose backend decides
	identify     identify            // names callers
	keyed        bool                // there is a keys file
	deny         *deny.Lists         // the torrents to hide and refuse
	reloads      reload.Reloader[config.Doors]
	hangups      <-chan os.Signal // each of them makes it reload
	limits       *limit.Limits
	retention    *web.Retention      // how long torrents are kept; nil if that is not known
	upstreams    *upstream.Upstreams // nil if no other caches are asked
	access       *accesslog.Log      // nil if there is none
	mirrors      *mirrors            // nil at a gateway
	supervisor   supervisor          // the service manager, if it wants status messages
}

// newDaemon returns a daemon without doors. The store's index may take index bytes of memory.
func newDaemon(cfg config.Doors, env Environment, index int64) (*daemon, error) {
	build, logger := buildinfo.Read(), telemetry.NewLogger(env.Stderr, cfg.LogFormat, cfg.LogLevel)
	d := &daemon{
		cfg:      cfg,
		logger:   logger,
		metrics:  telemetry.NewMetrics(telemetry.Build{Version: build.Version, Revision: build.Revision, Go: build.Go}),
		health:   health.NewServer(),
		services: []string{""},
		quit:     make(chan struct{}),
		reloads:  reload.Reloader[config.Doors]{InForce: cfg, Logger: logger},
		hangups:  lifecycle.Hangups(),
	}
	if env.Libraries != nil {
		env.Libraries.SetLogger(d.logger)
	}
	d.supervisor = newSupervisor(env.Environ, d.logger)
	var err error
	if d.memory, err = budget.Divide(cfg, index); err != nil {
		return nil, err
	}
	d.addLimits()
	d.tellFewFiles()
	d.announcement = announcement{version: build.Version, out: env.Stdout, json: cfg.LogFormat == "json", logger: d.logger}
	if err := d.addCertificate(cfg); err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key, --tls-client-ca: %w", err)
	}
	return d, d.addAccessLog()
}

// addPublic adds the HTTP and HTTPS listeners, whose doors call conn. Reader reads
// from the store behind conn; it is nil if that store is not in this process.
func (d *daemon) addPublic(ctx context.Context, conn grpc.ClientConnInterface, reader hotcache.Reader) error {
	conn = d.connectCache(ctx, conn, reader)
	handler, err := d.publicHandler(conn)
	if err != nil {
		return err
	}
	errorLog := telemetry.HTTPErrorLog(d.logger)
	if d.cfg.HTTPAddr != config.Off {
		s := lifecycle.NewPublicHTTP(d.certificate.Challenges(handler), errorLog)
		if d.announcement.http, err = d.listen(ctx, "http-addr", d.cfg.HTTPAddr, s, limit.HTTPConnection, d.fastPath); err != nil {
			return err
		}
	}
	if d.cfg.HTTPSAddr != config.Off {
		s := lifecycle.NewPublicHTTPS(handler, errorLog, d.certificate.Config("h2", "http/1.1"))
		d.announcement.https, err = d.listen(ctx, "https-addr", d.cfg.HTTPSAddr, s, limit.TLSConnection, d.fastPathTLS)
	}
	return err
}

// listen opens a listener on which serve serves s, and returns its address. It sets the timeouts
// of s. Each connection takes memory bytes of the budget.
func (d *daemon) listen(ctx context.Context, setting, address string, s *http.Server, memory int64, serve func(*http.Server, net.Listener) lifecycle.Server) (net.Addr, error) {
	s.ConnContext = fastpath.ConnContext
	s.ReadHeaderTimeout, s.IdleTimeout = d.cfg.HeaderTimeout, d.cfg.IdleTimeout
	l, err := lifecycle.Listen(ctx, setting, address)
	if err != nil {
		return nil, err
	}
	d.group.Public = append(d.group.Public, serve(s, d.limits.Listener(l, memory)))
	return l.Addr(), nil
}

// addAdmin adds the operator's listener. Network serves its gRPC calls, and local takes the calls
// to AdminService that come as JSON; both are nil at a gateway.
func (d *daemon) addAdmin(ctx context.Context, network http.Handler, local grpc.ClientConnInterface) error {
	if d.cfg.AdminAddr == config.Off {
		return nil
	}
	o := adminhttp.Options{
		Ready: d.ready.ReadyInFull, Metrics: d.metrics.Handler(), GRPC: network, Gate: d.gate,
		Closed: d.adminClosed(), Hosts: strings.Split(d.cfg.AdminHosts, ","), Proxies: origin.Proxies(d.cfg.TrustedProxies), Logger: d.logger,
	}
	if local != nil {
		api, err := gateway.NewAdmin(local, d.logger)
		if err != nil {
			return err
		}
		o.API = api
	}
	l, err := lifecycle.Listen(ctx, "admin-addr", d.cfg.AdminAddr)
	if err != nil {
		return err
	}
	d.announcement.admin, d.announcement.adminClosed = l.Addr(), o.Closed
	s := lifecycle.NewAdminHTTP(adminhttp.New(o), telemetry.HTTPErrorLog(d.logger))
	d.group.Admin = append(d.group.Admin, lifecycle.HTTP("admin", s, l))
	return nil
}

// run serves until ctx ends, then shuts down as lifecycle.Group does. On SIGHUP it reloads.
func (d *daemon) run(ctx context.Context) error {
	go d.reloads.Follow(ctx, d.hangups)
	go d.watchLimits(ctx)
	if d.certificate != nil {
		d.ready.Notes = append(d.ready.Notes, d.certificateNote)
		go d.followCertificate(ctx)
		go lifecycle.WatchState(ctx, d.certificateState, d.certificateIs)
	}
	d.group.Timeout, d.group.Logger = d.cfg.ShutdownTimeout, d.logger
	d.group.InFlight = func() []any {
		s := d.limits.Stats()
		return []any{"connections", s.Connections, "uploads", s.Uploads, "streams", s.Streams}
	}
	d.group.Ready = func() {
		d.ready.SetServing(true)
		d.announce()
	}
	d.group.Drain = func() {
		d.supervisor.stopping(d.cfg.ShutdownTimeout)
		d.drain()
		close(d.quit)
	}
	defer d.closeAccessLog()
	return d.group.Run(ctx)
}

// announce says that the start is over, and whether the daemon can serve. A service manager hears
// that the start is over even if it cannot: a backend that is away comes back.
func (d *daemon) announce() {
	if d.notReady != nil {
		d.announcement.notReady = d.notReady()
	}
	d.announcement.print()
	d.supervisor.ready()
	if err := d.announcement.notReady; err != nil {
		d.supervisor.status("Not ready: " + err.Error())
	}
}

// drain makes all health checks answer for good that the server is not ready. Requests that still
// come are served.
func (d *daemon) drain() {
	d.ready.SetServing(false)
	d.health.Shutdown()
}
