package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/web"
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
			return serve(c.Context(), cfg, env, func() (config.Doors, []string, error) {
				var fresh config.Serve
				changed, err := config.Again(&fresh, c.Flags(), given, env.environ)
				return fresh.Doors, changed, err
			})
		},
	}
	cfg.AddFlags(c.Flags())
	return c
}

// serve opens the store and serves until ctx ends. Reread reads the settings anew.
func serve(ctx context.Context, cfg config.Serve, env environment, reread func() (config.Doors, []string, error)) error {
	index := int64(cfg.IndexCacheSize)
	if cfg.Store != "" {
		index = 0 // a bucket has none here
	}
	h, err := newHouse(cfg.Doors, env, index)
	if err != nil {
		return err
	}
	h.reloads.Read = reread
	if err := h.addGate(cfg.Access); err != nil {
		return err
	}
	opened := h.supervisor.opening()
	st, err := h.openStorage(ctx, cfg)
	opened()
	if err != nil {
		return err
	}
	if err := h.serveStore(ctx, cfg, st); err != nil {
		return errors.Join(err, closing(st))
	}
	h.announcement.data = st.name
	h.group.Close = func() error {
		h.upstreams.Close() // what they send is put into the store
		h.mirrors.close()
		return closing(st)
	}
	return h.run(ctx)
}

func closing(st store.Store) error {
	if err := st.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// serveStore adds to the house all doors to a server over st.
func (h *house) serveStore(ctx context.Context, cfg config.Serve, st *storage) error {
	if err := h.addCache(st.shared); err != nil {
		return err
	}
	if err := h.addUpstreams(cfg); err != nil {
		return err
	}
	if err := h.addDenyLists(ctx); err != nil {
		return err
	}
	var err error
	if h.mirrors, err = newMirrors(cfg); err != nil {
		return err
	}
	srv, err := h.newServer(cfg, st)
	if err != nil {
		return err
	}
	h.policy = web.Policy{Private: stance(cfg.Private), Passkeys: stance(cfg.Passkeys)}
	h.mirrors.prepare(cfg, srv.Copies(), h)
	chain := h.chain()
	h.metrics.WatchStore(storeStats(st))
	h.ready = lifecycle.NewReadiness(func(context.Context) error { return st.err() })
	h.ready.Note = st.uploadNote
	if err := h.addGRPC(ctx, cfg, server.NewGRPC(chain, srv.MaxMessageSize(), h.health, srv.RegisterPublic, h.grpcTLS(cfg)...)); err != nil {
		return err
	}
	if st.shared {
		h.maxStale = cfg.MaxStale
	}
	if err := h.addPublic(ctx, server.InProcess(chain, srv.MaxMessageSize(), srv.RegisterPublic), srv.Reader(chain)); err != nil {
		return err
	}
	go st.watch(ctx)
	chain.Access = h.adminGate()
	network := server.NewGRPC(chain, srv.MaxMessageSize(), h.health, func(r grpc.ServiceRegistrar) {
		srv.RegisterPublic(r)
		srv.RegisterAdmin(r)
	})
	if err := h.addAdmin(ctx, network, server.InProcess(chain, srv.MaxMessageSize(), srv.RegisterAdmin)); err != nil {
		return err
	}
	h.mirrors.follow(ctx)
	if cfg.VerifyEvery > 0 {
		h.mirrors.running.Go(func() { h.verifyAgainAndAgain(h.mirrors.ctx, srv, st, cfg) })
	}
	return nil
}

// newServer returns the server over st; it listens nowhere yet.
func (h *house) newServer(cfg config.Serve, st *storage) (*server.Server, error) {
	auditLog, err := h.auditLog(cfg.AuditLog)
	if err != nil {
		return nil, err
	}
	return server.New(server.Options{
		Store:          st.Store,
		MaxTorrentSize: int64(cfg.MaxTorrentSize),
		RefusePrivate:  cfg.Private == "reject",
		RefusePasskeys: cfg.Passkeys == "reject",
		Deny:           h.deny,
		Version:        buildinfo.Read().Version,
		Logger:         telemetry.Thin(h.logger),
		Limits:         h.limits,
		OnChange:       h.changed,
		Maintenance:    st.maintenance,
		Audit:          auditLog,
		Contact:        cfg.Contact,
		OnDrain:        h.drain,
		OnRead:         st.noteRead,
		Usage:          st.usage,
		DownloadURL:    h.downloadURL,
		Cache:          h.cache,
		Upstreams:      h.upstreams,
		Mirrors:        h.mirrors,
		Repairer:       h.mirrors,
	}), nil
}

func stance(setting string) web.Stance {
	if setting == "reject" {
		return web.Refused
	}
	return web.Taken
}

// downloadURL returns where everybody can have a torrent, "" if nobody knows or not everybody may.
func (h *house) downloadURL(ids infohash.Set) string {
	if h.cfg.PublicURL == "" || h.private() {
		return ""
	}
	return web.DownloadURL(h.cfg.PublicURL, ids)
}

// chain is the interceptors of all calls.
func (h *house) chain() server.Chain {
	return server.Chain{
		Logger:  telemetry.Thin(h.logger),
		Quit:    h.quit,
		Limits:  h.limits,
		Access:  h.gate,
		Proxies: origin.Proxies(h.cfg.TrustedProxies),
		Observe: func(c server.Call) {
			h.logCall(c)
			h.metrics.ObserveRPC(c.Method, c.Code.String(), c.Reason, c.Duration, c.BytesIn, c.BytesOut)
		},
	}
}

// grpcTLS returns the option that makes the gRPC port speak TLS, if it shall.
func (h *house) grpcTLS(cfg config.Serve) []grpc.ServerOption {
	if cfg.GRPCTLS == config.Off {
		return nil
	}
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(h.certificate.Config("h2")))}
}

func (h *house) addGRPC(ctx context.Context, cfg config.Serve, s *grpc.Server) error {
	if cfg.GRPCAddr == config.Off {
		return nil
	}
	l, err := lifecycle.Listen(ctx, "grpc-addr", cfg.GRPCAddr)
	if err != nil {
		return err
	}
	h.announcement.grpc, h.grpcOverTLS = l.Addr(), cfg.GRPCTLS != config.Off
	for service := range s.GetServiceInfo() {
		h.services = append(h.services, service)
	}
	h.tellHealth(true)
	h.group.Public = append(h.group.Public, lifecycle.GRPC("gRPC", s, h.limits.Listener(l, limit.GRPCConnection)))
	return nil
}

func storeStats(st *storage) func(context.Context) (telemetry.StoreStats, error) {
	return func(ctx context.Context) (telemetry.StoreStats, error) {
		s, err := st.Stats(ctx)
		stats := telemetry.StoreStats{Torrents: s.Torrents, Removed: s.Removed, Bytes: s.Bytes, DiskBytes: s.DiskUsed}
		if st.maintenance != nil {
			stats.MissingSegments = int64(len(st.maintenance.Missing()))
		}
		if st.oldestUse != nil {
			stats.OldestUse = st.oldestUse()
		}
		stats.Room = -1
		if st.room != nil {
			if room, known := st.room(); known {
				stats.Room = room
			}
		}
		return stats, err
	}
}
