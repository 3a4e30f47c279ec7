package admin

import (
	"context"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
)

// RemoveTorrent implements AdminService.
func (s *Service) RemoveTorrent(ctx context.Context, req *torrentcachev1.RemoveTorrentRequest) (*torrentcachev1.RemoveTorrentResponse, error) {
	removal := store.Removal{Reason: req.GetReason(), Reference: req.GetReference(), Erase: req.GetErase()}
	results, err := s.server.Removals.Remove(ctx, []string{req.GetInfoHash()}, removal, false)
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.RemoveTorrentResponse{WasCached: results[0].Held}, results[0].Err
}

// RemoveTorrents implements AdminService.
func (s *Service) RemoveTorrents(ctx context.Context, req *torrentcachev1.RemoveTorrentsRequest) (*torrentcachev1.RemoveTorrentsResponse, error) {
	removal := store.Removal{Reason: req.GetReason(), Reference: req.GetReference(), Erase: req.GetErase()}
	results, err := s.server.Removals.Remove(ctx, req.GetInfoHashes(), removal, req.GetDryRun())
	if err != nil {
		return nil, err
	}
	s.tellRemovals(ctx, torrentcachev1.AdminService_RemoveTorrents_FullMethodName, results)
	answer := &torrentcachev1.RemoveTorrentsResponse{Results: make([]*torrentcachev1.RemoveTorrentsResult, len(results))}
	for i, r := range results {
		answer.Results[i] = &torrentcachev1.RemoveTorrentsResult{Result: &torrentcachev1.RemoveTorrentsResult_Removed{
			Removed: &torrentcachev1.RemoveTorrentResponse{WasCached: r.Held},
		}}
		if r.Err != nil {
			answer.Results[i].Result = &torrentcachev1.RemoveTorrentsResult_Error{Error: rpc.ItemError(r.Err)}
		}
	}
	return answer, nil
}

// RestoreTorrent implements AdminService.
func (s *Service) RestoreTorrent(ctx context.Context, req *torrentcachev1.RestoreTorrentRequest) (*torrentcachev1.RestoreTorrentResponse, error) {
	why := store.Removal{Reason: req.GetReason(), Reference: req.GetReference()}
	results, err := s.server.Removals.Restore(ctx, []string{req.GetInfoHash()}, why, false)
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.RestoreTorrentResponse{Cached: results[0].Held}, results[0].Err
}

// RestoreTorrents implements AdminService.
func (s *Service) RestoreTorrents(ctx context.Context, req *torrentcachev1.RestoreTorrentsRequest) (*torrentcachev1.RestoreTorrentsResponse, error) {
	why := store.Removal{Reason: req.GetReason(), Reference: req.GetReference()}
	results, err := s.server.Removals.Restore(ctx, req.GetInfoHashes(), why, req.GetDryRun())
	if err != nil {
		return nil, err
	}
	s.tellRemovals(ctx, torrentcachev1.AdminService_RestoreTorrents_FullMethodName, results)
	answer := &torrentcachev1.RestoreTorrentsResponse{Results: make([]*torrentcachev1.RestoreTorrentsResult, len(results))}
	for i, r := range results {
		answer.Results[i] = &torrentcachev1.RestoreTorrentsResult{Result: &torrentcachev1.RestoreTorrentsResult_Restored{
			Restored: &torrentcachev1.RestoreTorrentResponse{Cached: r.Held},
		}}
		if r.Err != nil {
			answer.Results[i].Result = &torrentcachev1.RestoreTorrentsResult_Error{Error: rpc.ItemError(r.Err)}
		}
	}
	return answer, nil
}

// tellRemovals counts and logs the removals or restorations that failed.
func (s *Service) tellRemovals(ctx context.Context, method string, results []store.Removed) {
	errs := make([]error, len(results))
	for i, r := range results {
		errs[i] = r.Err
	}
	s.server.Items.Tell(ctx, method, errs)
}
