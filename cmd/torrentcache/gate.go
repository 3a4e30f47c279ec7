package main

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
func (h *house) private() bool {
	if h.gate == nil {
		return false
	}
	policy, _ := h.gate.Policy()
	return !policy.Anonymous().Has(access.Read)
}

// addGate lets the policy that cfg names decide who may call what; its keys are
// read again on SIGHUP. A key is replaced without a refused call by having both in
// the file until all callers have the new one.
func (h *house) addGate(cfg config.Access) error {
	policy, _, err := cfg.Policy()
	if err != nil {
		return err
	}
	h.gate = access.NewGate(policy)
	if h.keyed = cfg.KeysFile != ""; !h.keyed {
		return nil
	}
	h.reloads.On("keys", func(config.Doors) error {
		policy, entries, err := cfg.Policy()
		if err != nil {
			return err
		}
		h.gate.Set(policy)
		h.logger.Info("keys in force", "entries", entries)
		return nil
	})
	return nil
}

// addLimits puts the limits in force.
func (h *house) addLimits() {
	h.limits = limit.New(h.memory.Limits(h.cfg))
	h.metrics.WatchLimits(func() telemetry.LimitStats { return telemetry.LimitStats(h.limits.Stats()) })
	h.reloads.On("limits", func(cfg config.Doors) error {
		h.limits.Set(h.memory.Limits(cfg))
		return nil
	}, "trusted-writers", "max-connections", "connections-per-address", "max-uploads", "uploads-per-address",
		"max-streams", "streams-per-address", "upload-rate", "key-upload-rate", "download-rate",
		"new-bytes-per-hour", "new-bytes-per-day", "upload-wait", "body-timeout", "upstream-rate")
}

// tellFewFiles warns of a limit on open files that keeps connections out.
func (h *house) tellFewFiles() {
	if files, few := h.memory.FewFiles(h.cfg); few {
		h.logger.Warn("few files may be open, and connections are among them: raise the limit (ulimit -n, LimitNOFILE= of a unit)",
			"open_files", files, "max_connections", h.memory.Limits(h.cfg).Connections)
	}
}

// watchLimits has the limits cut off what is too slow, until ctx ends.
func (h *house) watchLimits(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			h.limits.Tick(now)
		case <-ctx.Done():
			return
		}
	}
}
