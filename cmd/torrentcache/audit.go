package main

import (
	"fmt"
	"log/slog"

	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/config"
)

// auditLog returns what writes down what operators do: into the file that the
// settings name, which SIGHUP opens anew, or else into the log.
func (h *house) auditLog(file string) (func(audit.Entry) error, error) {
	if file == "" {
		return h.logAudit, nil
	}
	log, err := audit.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--audit-log: %w", err)
	}
	h.onReload("audit log", func(config.Doors) error { return log.Reopen() })
	return log.Append, nil
}

// logAudit writes an entry into the log, which nobody syncs.
func (h *house) logAudit(e audit.Entry) error {
	attrs := []any{"who", e.Who, "action", e.Action, "info_hash", e.InfoHash}
	for name, value := range map[string]string{"reason": e.Reason, "reference": e.Reference, "failed": e.Failed} {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	h.logger.Info("audit", attrs...)
	return nil
}
