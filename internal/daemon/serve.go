package daemon

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/stores"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/web"
)

// Serve opens the store that cfg names and serves until ctx ends. Reread reads the settings
// anew, and names those that have changed. Errors name the setting.
func Serve(ctx context.Context, cfg config.Serve, env Environment, reread func() (config.Doors, []string, error)) error {
	index := int64(cfg.IndexCacheSize)
	if cfg.Store != "" {
		index = 0 // a bucket has no index here
	}
	d, err := newDaemon(cfg.Doors, env, index)
	if err != nil {
		return err
	}
	d.reloads.Read = reread
	if err := d.addGate(cfg.Access); err != nil {
		return err
	}
	opened := d.supervisor.opening()
	st, err := d.openStorage(ctx, cfg)
	opened()
	if err != nil {
		return err
	}
	if err := d.serveStore(ctx, cfg, st); err != nil {
		return errors.Join(err, stores.Close(st))
	}
	d.announcement.data = st.name
	d.group.Close = func() error {
		d.upstreams.Close() // before the store, which takes their torrents
		d.mirrors.close()
		return stores.Close(st)
	}
	return d.run(ctx)
}

// serveStore adds all doors to a server over st.
func (d *daemon) serveStore(ctx context.Context, cfg config.Serve, st *storage) error {
	if err := d.addSources(ctx, cfg, st); err != nil {
		return err
	}
	srv, err := d.newServer(cfg, st)
	if err != nil {
		return err
	}
	d.mirrors.prepare(cfg, srv.Copies(), d)
	chain := d.chain()
	d.metrics.WatchStore(storeStats(st))
	d.ready = lifecycle.NewReadiness(func(context.Context) error { return st.err() })
	d.ready.Notes = append(d.ready.Notes, st.uploadNote)
	if err := d.addGRPC(ctx, cfg, rpc.NewGRPC(chain, d.grpcTLS(cfg), srv.MaxMessageSize(), d.health, srv.RegisterPublic)); err != nil {
		return err
	}
	if st.shared {
		d.maxStale = cfg.MaxStale
	}
	if err := d.addPublic(ctx, rpc.InProcess(chain, srv.MaxMessageSize(), srv.RegisterPublic), srv.Reader(chain)); err != nil {
		return err
	}
	go st.watch(ctx)
	operator := d.newOperator(srv, st)
	chain.Access = d.adminGate()
	network := rpc.NewGRPC(chain, nil, srv.MaxMessageSize(), d.health, func(r grpc.ServiceRegistrar) {
		srv.RegisterPublic(r)
		operator.Register(r)
	})
	if err := d.addAdmin(ctx, network, rpc.InProcess(chain, srv.MaxMessageSize(), operator.Register)); err != nil {
		return err
	}
	d.mirrors.follow(ctx)
	if cfg.VerifyEvery > 0 {
		d.mirrors.running.Go(func() { d.verifyPeriodically(d.mirrors.ctx, operator, st, cfg) })
	}
	return nil
}

// addSources adds the sources of torrents beside the store, which are the cache in memory,
// upstreams and mirrors, and the deny lists, whose torrents the server must not serve.
func (d *daemon) addSources(ctx context.Context, cfg config.Serve, st *storage) error {
	if err := d.addCache(st.shared); err != nil {
		return err
	}
	if err := d.addUpstreams(cfg); err != nil {
		return err
	}
	if err := d.addDenyLists(ctx); err != nil {
		return err
	}
	var err error
	d.mirrors, err = d.newMirrors(cfg)
	return err
}

// newServer returns the server over st; it listens nowhere yet.
func (d *daemon) newServer(cfg config.Serve, st *storage) (*server.Server, error) {
	auditLog, err := d.auditLog(cfg.AuditLog)
	if err != nil {
		return nil, err
	}
	return server.New(server.Options{
		Store:          st.Store,
		MaxTorrentSize: int64(cfg.MaxTorrentSize),
		RefusePrivate:  cfg.Private == "reject",
		RefusePasskeys: cfg.Passkeys == "reject",
		Deny:           d.deny,
		Access:         d.gate,
		Logger:         telemetry.Thin(d.logger),
		Limits:         d.limits,
		OnItemError:    d.metrics.ItemFailed,
		OnChange:       d.cache.Invalidate,
		Audit:          auditLog,
		Contact:        cfg.Contact,
		OnRead:         st.noteRead,
		Usage:          st.usage,
		DownloadURL:    d.downloadURL,
		Cache:          d.cache,
		Upstreams:      d.upstreams,
		Wanted:         d.newWanted(cfg),
		Repair:         d.mirrors.Repair,
	}), nil
}

// newOperator returns the operator's service of srv; it listens nowhere yet.
func (d *daemon) newOperator(srv *server.Server, st *storage) *admin.Service {
	return admin.New(srv, admin.Options{
		Version:     buildinfo.Read().Version,
		Maintenance: st.maintenance,
		Repair:      d.mirrors.All,
		Mirrors:     d.mirrors,
		OnDrain:     d.drain,
	})
}

// downloadURL returns the URL at which everybody can download a torrent. It returns "" if the
// URL is not known, or not everybody may.
func (d *daemon) downloadURL(ids infohash.Set) string {
	if d.cfg.PublicURL == "" || d.private() {
		return ""
	}
	return web.DownloadURL(d.cfg.PublicURL, ids)
}

// chain returns the interceptors of all calls.
func (d *daemon) chain() rpc.Chain {
	return rpc.Chain{
		Logger:  telemetry.Thin(d.logger),
		Quit:    d.quit,
		Limits:  d.limits,
		Access:  d.gate,
		Proxies: origin.Proxies(d.cfg.TrustedProxies),
		Observe: func(c rpc.Call) {
			d.logCall(c)
			d.metrics.ObserveRPC(c.Method, c.Code.String(), c.Reason, c.Duration, c.BytesIn, c.BytesOut)
		},
	}
}

// grpcTLS returns the credentials with which the gRPC port speaks TLS; nil if it speaks plain text.
func (d *daemon) grpcTLS(cfg config.Serve) credentials.TransportCredentials {
	if cfg.GRPCTLS == config.Off {
		return nil
	}
	return credentials.NewTLS(d.certificate.Config("h2"))
}

func (d *daemon) addGRPC(ctx context.Context, cfg config.Serve, s *grpc.Server) error {
	if cfg.GRPCAddr == config.Off {
		return nil
	}
	l, err := lifecycle.Listen(ctx, "grpc-addr", cfg.GRPCAddr)
	if err != nil {
		return err
	}
	d.announcement.grpc, d.grpcOverTLS = l.Addr(), cfg.GRPCTLS != config.Off
	for service := range s.GetServiceInfo() {
		d.services = append(d.services, service)
	}
	d.tellHealth(true)
	d.group.Public = append(d.group.Public, lifecycle.GRPC("gRPC", s, d.limits.Listener(l, limit.GRPCConnection)))
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

// newWanted returns the book of torrents that readers miss; nil without --max-wanted.
func (d *daemon) newWanted(cfg config.Serve) *wanted.Book {
	book := wanted.New(cfg.MaxWanted)
	if book != nil {
		d.metrics.WatchWanted(book.Len)
	}
	return book
}
