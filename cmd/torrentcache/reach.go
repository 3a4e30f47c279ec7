package main

import (
	"fmt"
	"net"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/config"
)

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
func (h *house) adminClosed() string {
	switch {
	case !othersReach(h.cfg.AdminAddr):
		return ""
	case h.gate == nil:
		return fmt.Sprintf("others can reach this listener (--admin-addr %s), so that it serves /metrics, /livez and /readyz alone; for the rest have it listen on 127.0.0.1", h.cfg.AdminAddr)
	case h.keyed:
		return ""
	}
	return fmt.Sprintf("others can reach this listener (--admin-addr %s) and no key tells the operator from them, so that it serves /metrics, /livez and /readyz alone; have it listen on 127.0.0.1, or give --keys-file with a key of the role admin (torrentcache key new --role admin)", h.cfg.AdminAddr)
}

// adminGate returns the gate of calls to the admin listener, which is the gate of all others
// unless that listener is closed.
func (h *house) adminGate() *access.Gate {
	closed := h.adminClosed()
	if closed == "" {
		return h.gate
	}
	policy, _ := h.gate.Policy()
	return access.NewGate(policy.WithoutOperator(closed))
}
