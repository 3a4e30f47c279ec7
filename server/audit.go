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
	if s.audit == nil {
		return do()
	}
	e.Time, e.Who = time.Now().UTC(), access.FromContext(ctx).Name
	if err := s.audit(e); err != nil {
		return reason.New(reason.StorageFull, "the audit log cannot be written, so nothing was done").Because(err)
	}
	err := do()
	if err == nil {
		return nil
	}
	e.Time, e.Failed = time.Now().UTC(), reason.Of(err).Error()
	if unwritten := s.audit(e); unwritten != nil {
		return internal(unwritten)
	}
	return err
}
