package main

import (
	"context"
	"fmt"
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
	"github.com/torrentcache/torrentcache/internal/steady"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/web"
)

// house is what serve and gateway have in common: the doors, and what watches
// over them. A command fills it and calls run.
type house struct {
	cfg          config.Doors
	certificate  *certificate.Source // nil without TLS
	logger       *slog.Logger
	metrics      *telemetry.Metrics
	health       *health.Server // what gRPC clients are told
	services     []string       // of which health tells; "" is the whole server
	ready        *lifecycle.Readiness
	notReady     func() error  // why it cannot serve at its start; nil: it can
	quit         chan struct{} // closed when the shutdown begins
	group        lifecycle.Group
	announcement announcement
	memory       budget.Memory
	grpcOverTLS  bool // of the gRPC listener
	cache        *hotcache.Cache
	maxStale     time.Duration   // how long the cache answers while the bucket is away
	answers      fastpath.Source // of cache, for the fast path
	fast         []fastCounter   // what answers on the fast path; none with --fast-path=off
	gate         *access.Gate    // who may call what; nil at a gateway, whose backend decides
	keyed        bool            // by a keys file
	deny         *deny.Lists     // what is hidden and refused
	policy       web.Policy      // what pages say of secrets; a gateway's backend has one of its own
	reloads      reload.Reloader[config.Doors]
	hangups      <-chan os.Signal // on each of them it reloads
	limits       *limit.Limits
	retention    *web.Retention      // how long torrents are kept; nil if nobody here knows
	upstreams    *upstream.Upstreams // nil if no other caches are asked
	access       *accesslog.Log      // nil if there is none
	mirrors      *mirrors            // nil at a gateway
	supervisor   supervisor          // what started the program, if it wants to hear of it
}

// newHouse returns a house without doors. The store's index may take that much memory, in
// bytes.
func newHouse(cfg config.Doors, env environment, index int64) (*house, error) {
	steady.OverlapSync()
	build, logger := buildinfo.Read(), telemetry.NewLogger(env.stderr, cfg.LogFormat, cfg.LogLevel)
	h := &house{
		cfg:      cfg,
		logger:   logger,
		metrics:  telemetry.NewMetrics(telemetry.Build{Version: build.Version, Revision: build.Revision, Go: build.Go}),
		health:   health.NewServer(),
		services: []string{""},
		quit:     make(chan struct{}),
		reloads:  reload.Reloader[config.Doors]{InForce: cfg, Logger: logger},
		hangups:  lifecycle.Hangups(),
	}
	if env.libraries != nil {
		env.libraries.SetLogger(h.logger)
	}
	h.supervisor = newSupervisor(env.environ, h.logger)
	var err error
	if h.memory, err = budget.Divide(cfg, index); err != nil {
		return nil, err
	}
	h.addLimits()
	h.tellFewFiles()
	h.announcement = announcement{version: build.Version, out: env.stdout, json: cfg.LogFormat == "json", logger: h.logger}
	if err := h.addCertificate(cfg); err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key, --tls-client-ca: %w", err)
	}
	return h, h.addAccessLog()
}

// addPublic adds the HTTP and HTTPS listeners, whose doors call conn. Reader reads
// from the store behind it; it is nil if that is not in this process.
func (h *house) addPublic(ctx context.Context, conn grpc.ClientConnInterface, reader hotcache.Reader) error {
	conn = h.connectCache(ctx, conn, reader)
	handler, err := h.publicHandler(conn)
	if err != nil {
		return err
	}
	errorLog := telemetry.HTTPErrorLog(h.logger)
	if h.cfg.HTTPAddr != config.Off {
		s := lifecycle.NewPublicHTTP(h.certificate.Challenges(handler), errorLog)
		if err := h.listenHTTP(ctx, s); err != nil {
			return err
		}
	}
	if h.cfg.HTTPSAddr != config.Off {
		s := lifecycle.NewPublicHTTPS(h.fastHandler(handler), errorLog, h.certificate.Config("h2", "http/1.1"))
		return h.listenHTTPS(ctx, s)
	}
	return nil
}

func (h *house) listenHTTP(ctx context.Context, s *http.Server) error {
	l, err := h.listen(ctx, "http-addr", h.cfg.HTTPAddr, s, limit.HTTPConnection)
	if err != nil {
		return err
	}
	h.announcement.http = l.Addr()
	h.group.Public = append(h.group.Public, h.fastPath("HTTP", s, l))
	return nil
}

func (h *house) listenHTTPS(ctx context.Context, s *http.Server) error {
	l, err := h.listen(ctx, "https-addr", h.cfg.HTTPSAddr, s, limit.TLSConnection)
	if err != nil {
		return err
	}
	h.announcement.https = l.Addr()
	h.group.Public = append(h.group.Public, h.fastPathTLS("HTTPS", s, l))
	return nil
}

// listen opens a listener for s, which gets its timeouts and takes that much memory for each
// connection, in bytes.
func (h *house) listen(ctx context.Context, setting, address string, s *http.Server, memory int64) (net.Listener, error) {
	s.ConnContext = fastpath.ConnContext
	s.ReadHeaderTimeout, s.IdleTimeout = h.cfg.HeaderTimeout, h.cfg.IdleTimeout
	l, err := lifecycle.Listen(ctx, setting, address)
	if err != nil {
		return nil, err
	}
	return h.limits.Listener(l, memory), nil
}

// addAdmin adds the operator's listener. Network has the gRPC calls that it serves, and local
// those of AdminService, for JSON; both are nil at a gateway.
func (h *house) addAdmin(ctx context.Context, network http.Handler, local grpc.ClientConnInterface) error {
	if h.cfg.AdminAddr == config.Off {
		return nil
	}
	o := adminhttp.Options{
		Ready: h.ready.ReadyInFull, Metrics: h.metrics.Handler(), GRPC: network, Gate: h.gate,
		Closed: h.adminClosed(), Hosts: strings.Split(h.cfg.AdminHosts, ","), Proxies: origin.Proxies(h.cfg.TrustedProxies), Logger: h.logger,
	}
	if local != nil {
		api, err := gateway.NewAdmin(local, h.logger)
		if err != nil {
			return err
		}
		o.API = api
	}
	l, err := lifecycle.Listen(ctx, "admin-addr", h.cfg.AdminAddr)
	if err != nil {
		return err
	}
	h.announcement.admin, h.announcement.adminClosed = l.Addr(), o.Closed
	s := lifecycle.NewAdminHTTP(adminhttp.New(o), telemetry.HTTPErrorLog(h.logger))
	h.group.Admin = append(h.group.Admin, lifecycle.HTTP("admin", s, l))
	return nil
}

// run serves until ctx ends, then shuts down, with the end that lifecycle.Group gives it.
// On SIGHUP it reloads.
func (h *house) run(ctx context.Context) error {
	go h.reloads.Follow(ctx, h.hangups)
	go h.watchLimits(ctx)
	if h.certificate != nil {
		go h.followCertificate(ctx)
		go lifecycle.WatchState(ctx, h.certificateState, h.certificateIs)
	}
	h.group.Timeout, h.group.Logger = h.cfg.ShutdownTimeout, h.logger
	h.group.InFlight = func() []any {
		s := h.limits.Stats()
		return []any{"connections", s.Connections, "uploads", s.Uploads, "streams", s.Streams}
	}
	h.group.Ready = func() {
		h.ready.SetServing(true)
		h.announce()
	}
	h.group.Drain = func() {
		h.supervisor.stopping(h.cfg.ShutdownTimeout)
		h.drain()
		close(h.quit)
	}
	defer h.closeAccessLog()
	return h.group.Run(ctx)
}

// announce says that the start is over, and whether it can serve. A service manager is told the
// start is over all the same: a backend that is away comes back.
func (h *house) announce() {
	if h.notReady != nil {
		h.announcement.notReady = h.notReady()
	}
	h.announcement.print()
	h.supervisor.ready()
	if err := h.announcement.notReady; err != nil {
		h.supervisor.status("Not ready: " + err.Error())
	}
}

// drain makes everything that asks hear that the server is not ready, for good.
// What comes is served nevertheless.
func (h *house) drain() {
	h.ready.SetServing(false)
	h.health.Shutdown()
}
