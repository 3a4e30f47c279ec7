package daemon

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
