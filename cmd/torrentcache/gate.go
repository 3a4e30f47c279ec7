package main

import (
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/config"
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
	if cfg.KeysFile == "" {
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
