package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/telemetry"
)

// denyLook is how often the files of --deny-list are looked at.
const denyLook = 500 * time.Millisecond

// addDenyLists puts the lists of --deny-list in force, and has them read again on SIGHUP
// and when they have changed. Call it before the hot cache answers.
func (d *daemon) addDenyLists(ctx context.Context) (err error) {
	d.deny, err = deny.Open(deny.Options{Files: d.cfg.DenyLists, OnChange: d.forgetDenied, Logger: d.logger})
	if err != nil {
		return fmt.Errorf("--deny-list: %w", err)
	}
	d.metrics.WatchDenyLists(func() telemetry.DenyStats { return telemetry.DenyStats(d.deny.Stats()) })
	d.reloads.On("deny lists", func(cfg config.Doors) error { return d.deny.Reload(cfg.DenyLists) }, "deny-list")
	go func() {
		ticker := time.NewTicker(denyLook)
		defer ticker.Stop()
		d.deny.Follow(ctx, ticker.C)
	}()
	return nil
}

// forgetDenied has the hot cache forget what the deny lists name now, and has upstreams asked
// again for what they named before.
func (d *daemon) forgetDenied() {
	d.upstreams.Forget(infohash.Set{})
	d.cache.Forget(func(ids ...infohash.ID) bool {
		_, listed := d.deny.Find(ids...)
		return listed
	})
}
