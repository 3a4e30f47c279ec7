package daemon

import (
	"fmt"
	"log/slog"

	"github.com/torrentcache/torrentcache/internal/audit"
)

// auditLog returns what writes down what operators do: into the file that the
// settings name, which SIGHUP opens anew, or else into the log.
func (d *daemon) auditLog(file string) (func(...audit.Entry) error, error) {
	if file == "" {
		return d.logAudit, nil
	}
	log, err := audit.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--audit-log: %w", err)
	}
	d.reloads.Reopen("audit log", log.Reopen)
	return log.Append, nil
}

// logAudit writes entries into the log, which nobody syncs.
func (d *daemon) logAudit(entries ...audit.Entry) error {
	for _, e := range entries {
		attrs := []any{"who", e.Who, "action", e.Action}
		for _, a := range []slog.Attr{
			slog.String("info_hash", e.InfoHash), slog.String("directory", e.Directory),
			slog.String("reason", e.Reason), slog.String("reference", e.Reference), slog.String("failed", e.Failed),
		} {
			if a.Value.String() != "" {
				attrs = append(attrs, a)
			}
		}
		d.logger.Info("audit", attrs...)
	}
	return nil
}
