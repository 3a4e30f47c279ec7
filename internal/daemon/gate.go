package daemon

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/internal/wait"
)

// private reports whether anonymous callers may not read torrents here. It is false
// at a gateway, whose cache hears it from the backend.
func (d *daemon) private() bool {
	if d.gate == nil {
		return false
	}
	policy, _ := d.gate.Policy()
	return !policy.Anonymous().Has(access.Read)
}

// identify returns the name of a caller, "" if it is not known. The error says that the caller
// shows a key that is not known.
type identify func(access.Credentials) (name string, err error)

// addGate puts the policy that cfg names in force; its keys are read again on
// SIGHUP. To replace a key without a refused call, have both keys in the file until
// all callers have the new one.
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

// watchLimits has the limits cut off clients that are too slow, until ctx ends.
func (d *daemon) watchLimits(ctx context.Context) {
	for wait.For(ctx, time.Second) {
		d.limits.Tick(time.Now())
	}
}

// othersReach reports whether other machines can reach a listener at address, which is one of
// the settings.
func othersReach(address string) bool {
	if address == config.Off {
		return false
	}
	addr, err := net.ResolveTCPAddr("tcp", address)
	return err != nil || !addr.IP.IsLoopback()
}

// adminClosed returns why the admin listener serves nothing but probes and metrics, "" if it
// serves all: others can reach it, and no key tells the operator from them.
func (d *daemon) adminClosed() string {
	switch {
	case !othersReach(d.cfg.AdminAddr):
		return ""
	case d.gate == nil:
		return fmt.Sprintf("others can reach this listener (--admin-addr %s), so that it serves /metrics, /livez and /readyz alone; for the rest have it listen on 127.0.0.1", d.cfg.AdminAddr)
	case d.keyed:
		return ""
	}
	return fmt.Sprintf("others can reach this listener (--admin-addr %s) and no key tells the operator from them, so that it serves /metrics, /livez and /readyz alone; have it listen on 127.0.0.1, or give --keys-file with a key of the role admin (torrentcache key new --role admin)", d.cfg.AdminAddr)
}

// adminGate returns the gate of calls to the admin listener, which is the gate of all others
// unless that listener is closed.
func (d *daemon) adminGate() *access.Gate {
	closed := d.adminClosed()
	if closed == "" {
		return d.gate
	}
	policy, _ := d.gate.Policy()
	return access.NewGate(policy.WithoutOperator(closed))
}

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
	go d.deny.Follow(ctx, denyLook)
	return nil
}

// forgetDenied has the hot cache forget the torrents that the deny lists name now, and has the
// upstreams asked again for the torrents that the lists named before.
func (d *daemon) forgetDenied() {
	d.upstreams.Forget(infohash.Set{})
	d.cache.Forget(func(ids ...infohash.ID) bool {
		_, listed := d.deny.Find(ids...)
		return listed
	})
}
