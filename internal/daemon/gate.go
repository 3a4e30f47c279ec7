package daemon

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/telemetry"
)

// private reports whether not everybody may read torrents here; a gateway hears it
// from its backend.
func (d *daemon) private() bool {
	if d.gate == nil {
		return false
	}
	policy, _ := d.gate.Policy()
	return !policy.Anonymous().Has(access.Read)
}

// identify returns the name of a caller, "" if nobody knows it. The error is that the caller
// shows a key which is none.
type identify func(access.Credentials) (name string, err error)

// addGate lets the policy that cfg names decide who may call what; its keys are
// read again on SIGHUP. A key is replaced without a refused call by having both in
// the file until all callers have the new one.
func (d *daemon) addGate(cfg config.Access) error {
	policy, _, err := cfg.Policy()
	if err != nil {
		return err
	}
	d.gate = access.NewGate(policy)
	d.identify = d.gate.NameOf
	if d.keyed = cfg.KeysFile != ""; !d.keyed {
		return nil
	}
	d.reloads.On("keys", func(config.Doors) error {
		policy, entries, err := cfg.Policy()
		if err != nil {
			return err
		}
		d.gate.Set(policy)
		d.logger.Info("keys in force", "entries", entries)
		return nil
	})
	return nil
}

// addLimits puts the limits in force.
func (d *daemon) addLimits() {
	d.limits = limit.New(d.memory.Limits(d.cfg))
	d.metrics.WatchLimits(func() telemetry.LimitStats { return telemetry.LimitStats(d.limits.Stats()) })
	d.reloads.On("limits", func(cfg config.Doors) error {
		d.limits.Set(d.memory.Limits(cfg))
		return nil
	}, "trusted-writers", "max-connections", "connections-per-address", "max-uploads", "uploads-per-address",
		"max-streams", "streams-per-address", "upload-rate", "key-upload-rate", "download-rate",
		"new-bytes-per-hour", "new-bytes-per-day", "upload-wait", "body-timeout", "upstream-rate")
}

// tellFewFiles warns of a limit on open files that keeps connections out.
func (d *daemon) tellFewFiles() {
	if files, few := d.memory.FewFiles(d.cfg); few {
		d.logger.Warn("few files may be open, and connections are among them: raise the limit (ulimit -n, LimitNOFILE= of a unit)",
			"open_files", files, "max_connections", d.memory.Limits(d.cfg).Connections)
	}
}

// watchLimits has the limits cut off what is too slow, until ctx ends.
func (d *daemon) watchLimits(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			d.limits.Tick(now)
		case <-ctx.Done():
			return
		}
	}
}
