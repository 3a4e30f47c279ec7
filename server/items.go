package server

import (
	"context"
	"errors"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// itemError is err, of one item of a call for many, as the client sees it.
func itemError(err error) *torrentcachev1.ItemError {
	e := reason.Of(err)
	return &torrentcachev1.ItemError{Code: int32(e.GRPCStatus().Code()), Reason: string(e.Reason), Message: e.Message}
}

// tellItems counts the errors among those of a call's items, nil for those that have none, and
// logs them. Those of a client that has left tell nothing.
func (s *Server) tellItems(ctx context.Context, method string, errs []error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	for _, err := range errs {
		if err != nil {
			s.onItemError(method, reason.Of(err).Reason)
		}
	}
	s.logItems(ctx, method, errs)
}

// logItems logs the first error of each reason among those of a call's items, nil for
// those that have none, that is the server's fault: a full disk would fail every one of
// many.
func (s *Server) logItems(ctx context.Context, method string, errs []error) {
	logged := map[reason.Reason]bool{}
	for _, err := range errs {
		if err == nil {
			continue
		}
		if e := reason.Of(err); ours(ctx, e) && !logged[e.Reason] {
			logged[e.Reason] = true
			Chain{Logger: s.logger}.log(ctx, method, e, err)
		}
	}
}
