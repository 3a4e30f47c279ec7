package main

import (
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/config"
)

// addGate lets the policy that cfg names decide who may call what; its keys are
// read again on SIGHUP. Until a caller that has an old key and one that has a new
// one are both in the file, neither call fails for the change.
func (h *house) addGate(cfg config.Access) error {
	policy, _, err := cfg.Policy()
	if err != nil {
		return err
	}
	h.gate = access.NewGate(policy)
	if cfg.KeysFile == "" {
		return nil
	}
	h.onReload("keys", func(config.Doors) error {
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
