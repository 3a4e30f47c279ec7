package main

import (
	"fmt"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/internal/config"
)

// backendKey returns what gives the key that a gateway shows to the feed. A file
// is read again on SIGHUP; the key is then for when the feed is asked for the next
// time.
func (h *house) backendKey(cfg config.Gateway) (func() string, error) {
	var key atomic.Pointer[string]
	key.Store(&cfg.BackendToken)
	current := func() string { return *key.Load() }
	if cfg.BackendTokenFile == "" {
		return current, nil
	}
	read := func(config.Doors) error {
		text, err := config.ReadSecret(cfg.BackendTokenFile)
		if err != nil {
			return fmt.Errorf("--backend-token-file: %w", err)
		}
		key.Store(&text)
		return nil
	}
	h.reloads.On("key for the backend", read)
	return current, read(cfg.Doors)
}
