package main

import (
	"net/http"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
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

// operatorOnly returns next for who may make the operator's calls.
func (h *house) operatorOnly(next http.Handler) http.Handler {
	if h.gate == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := h.gate.Decide(front.Credentials(r), torrentcachev1.AdminService_GetStats_FullMethodName); err != nil {
			httpx.WriteJSONError(w, reason.Of(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}
