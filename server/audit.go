package server

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// audited does what e says after e was written down, with who calls and when. If
// it could not be written, nothing is done; if it was not done, that is written too.
func (s *Server) audited(ctx context.Context, e audit.Entry, do func() error) error {
	var failed error
	err := s.auditedAll(ctx, []audit.Entry{e}, func() []error {
		failed = do()
		return []error{failed}
	})
	if err != nil {
		return err
	}
	return failed
}

// auditedAll is audited for many at once, whose lines are written together. Do returns an
// error or nil for each; the error of auditedAll is of the log.
func (s *Server) auditedAll(ctx context.Context, entries []audit.Entry, do func() []error) error {
	if s.audit == nil || len(entries) == 0 {
		do()
		return nil
	}
	now, who := time.Now().UTC(), access.FromContext(ctx).Name
	for i := range entries {
		entries[i].Time, entries[i].Who = now, who
	}
	if err := s.audit(entries...); err != nil {
		return reason.New(reason.StorageFull, "the audit log cannot be written, so nothing was done").Because(err)
	}
	var failed []audit.Entry
	for i, err := range do() {
		if err != nil {
			e := entries[i]
			e.Time, e.Failed = time.Now().UTC(), reason.Of(err).Error()
			failed = append(failed, e)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	if unwritten := s.audit(failed...); unwritten != nil {
		return internal(unwritten)
	}
	return nil
}
