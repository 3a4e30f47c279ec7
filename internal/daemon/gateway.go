package daemon

import (
	"context"

	"github.com/torrentcache/torrentcache/gateway/callers"
	"github.com/torrentcache/torrentcache/gateway/screen"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
)

// Gateway serves the HTTP doors over the servers that cfg names until ctx ends. Reread reads the
// settings anew, and names those that have changed. Errors name the setting.
func Gateway(ctx context.Context, cfg config.Gateway, env Environment, reread func() (config.Doors, []string, error)) error {
	d, err := newDaemon(cfg.Doors, env, 0)
	if err != nil {
		return err
	}
	d.reloads.Read = reread
	key, err := d.backendKey(cfg)
	if err != nil {
		return err
	}
	conn, err := d.dialBackend(cfg, key)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is in flight any more
	check := backendCheck(cfg.Backend, conn)
	d.ready = lifecycle.NewReadiness(check)
	d.notReady = func() error { return check(ctx) }
	d.maxStale = cfg.MaxStale
	if err := d.addCache(true); err != nil {
		return err
	}
	if err := d.addDenyLists(ctx); err != nil {
		return err
	}
	known := callers.New(conn)
	d.identify = known.NameOf
	screened := screen.New(screen.Options{
		Conn: known, Deny: d.deny, Limits: d.limits, MaxTorrentSize: int64(cfg.MaxTorrentSize), Contact: cfg.Contact,
	})
	if err := d.addPublic(ctx, screened, nil); err != nil {
		return err
	}
	if err := d.addAdmin(ctx, nil, nil); err != nil {
		return err
	}
	d.announcement.backend = cfg.Backend
	go d.watchBackend(ctx, check)
	return d.run(ctx)
}
