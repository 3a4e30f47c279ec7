package server

import (
	"context"
	"errors"
	"sync"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// maxRemovals is the most info hashes that one RemoveTorrents or RestoreTorrents
	// takes: about what one commit of the embedded store takes. Their audit lines are in
	// memory together, each with two texts of 1 KiB, which JSON may make six times as long.
	maxRemovals = 1000

	// lookupsAtOnce is how many removals of a dry run are looked up at a time.
	lookupsAtOnce = 16
)

// RemoveTorrent implements AdminService.
func (s *adminService) RemoveTorrent(ctx context.Context, req *torrentcachev1.RemoveTorrentRequest) (*torrentcachev1.RemoveTorrentResponse, error) {
	removal := store.Removal{Reason: req.GetReason(), Reference: req.GetReference(), Erase: req.GetErase()}
	results, err := s.remove(ctx, []string{req.GetInfoHash()}, removal, false)
	if err != nil {
		return nil, err
	}
	return removedResponse(results[0]), results[0].Err
}

// RemoveTorrents implements AdminService.
func (s *adminService) RemoveTorrents(ctx context.Context, req *torrentcachev1.RemoveTorrentsRequest) (*torrentcachev1.RemoveTorrentsResponse, error) {
	removal := store.Removal{Reason: req.GetReason(), Reference: req.GetReference(), Erase: req.GetErase()}
	results, err := s.remove(ctx, req.GetInfoHashes(), removal, req.GetDryRun())
	if err != nil {
		return nil, err
	}
	s.tellRemovals(ctx, torrentcachev1.AdminService_RemoveTorrents_FullMethodName, results)
	answer := &torrentcachev1.RemoveTorrentsResponse{Results: make([]*torrentcachev1.RemoveTorrentsResult, len(results))}
	for i, r := range results {
		result := &torrentcachev1.RemoveTorrentsResult{Result: &torrentcachev1.RemoveTorrentsResult_Removed{Removed: removedResponse(r)}}
		if r.Err != nil {
			result.Result = &torrentcachev1.RemoveTorrentsResult_Error{Error: itemError(r.Err)}
		}
		answer.Results[i] = result
	}
	return answer, nil
}

// RestoreTorrent implements AdminService.
func (s *adminService) RestoreTorrent(ctx context.Context, req *torrentcachev1.RestoreTorrentRequest) (*torrentcachev1.RestoreTorrentResponse, error) {
	why := store.Removal{Reason: req.GetReason(), Reference: req.GetReference()}
	results, err := s.restore(ctx, []string{req.GetInfoHash()}, why, false)
	if err != nil {
		return nil, err
	}
	return restoredResponse(results[0]), results[0].Err
}

// RestoreTorrents implements AdminService.
func (s *adminService) RestoreTorrents(ctx context.Context, req *torrentcachev1.RestoreTorrentsRequest) (*torrentcachev1.RestoreTorrentsResponse, error) {
	why := store.Removal{Reason: req.GetReason(), Reference: req.GetReference()}
	results, err := s.restore(ctx, req.GetInfoHashes(), why, req.GetDryRun())
	if err != nil {
		return nil, err
	}
	s.tellRemovals(ctx, torrentcachev1.AdminService_RestoreTorrents_FullMethodName, results)
	answer := &torrentcachev1.RestoreTorrentsResponse{Results: make([]*torrentcachev1.RestoreTorrentsResult, len(results))}
	for i, r := range results {
		result := &torrentcachev1.RestoreTorrentsResult{Result: &torrentcachev1.RestoreTorrentsResult_Restored{Restored: restoredResponse(r)}}
		if r.Err != nil {
			result.Result = &torrentcachev1.RestoreTorrentsResult_Error{Error: itemError(r.Err)}
		}
		answer.Results[i] = result
	}
	return answer, nil
}

// removedResponse is r as the caller sees it; nil if it has an error.
func removedResponse(r store.Removed) *torrentcachev1.RemoveTorrentResponse {
	if r.Err != nil {
		return nil
	}
	return &torrentcachev1.RemoveTorrentResponse{WasCached: r.Held}
}

// restoredResponse is r as the caller sees it; nil if it has an error.
func restoredResponse(r store.Removed) *torrentcachev1.RestoreTorrentResponse {
	if r.Err != nil {
		return nil
	}
	return &torrentcachev1.RestoreTorrentResponse{Cached: r.Held}
}

// remove removes what hashes name, unless it is dry.
func (s *Server) remove(ctx context.Context, hashes []string, why store.Removal, dry bool) ([]store.Removed, error) {
	return s.changeListed(ctx, hashes, "remove", why, dry, func(ids []infohash.ID) []store.Removed {
		if dry {
			return s.wouldRemove(ctx, ids)
		}
		s.removals.RLock()
		defer s.removals.RUnlock()
		return s.store.Remove(ctx, ids, why)
	})
}

// restore undoes the removal of what hashes name, unless it is dry. Why goes to the audit
// log alone.
func (s *Server) restore(ctx context.Context, hashes []string, why store.Removal, dry bool) ([]store.Removed, error) {
	return s.changeListed(ctx, hashes, "restore", why, dry, func(ids []infohash.ID) []store.Removed {
		s.removals.RLock()
		defer s.removals.RUnlock()
		change := s.store.Restore
		if dry {
			change = s.wouldRestore
		}
		results := change(ctx, ids)
		for i, r := range results {
			if errors.Is(r.Err, store.ErrNotFound) {
				results[i].Err = reason.New(reason.TorrentNotFound, "%s is not removed", ids[i])
			}
		}
		return results
	})
}

// changeListed makes change of those of hashes that are info hashes, and returns a result
// for each of hashes, whose errors are those of the API. Each change is written into the
// audit log first, unless it is dry.
func (s *Server) changeListed(ctx context.Context, hashes []string, action string, why store.Removal, dry bool, change func([]infohash.ID) []store.Removed) ([]store.Removed, error) {
	if err := why.Validate(); err != nil {
		return nil, reason.New(reason.RequestInvalid, "%s", err)
	}
	if len(hashes) > maxRemovals {
		return nil, reason.New(reason.RequestInvalid, "%d info hashes, at most %d go into one call", len(hashes), maxRemovals)
	}
	results := make([]store.Removed, len(hashes))
	var ids []infohash.ID
	var places []int // of ids in results
	var entries []audit.Entry
	for i, hash := range hashes {
		id, err := parseHash("info_hash", hash)
		if err != nil {
			results[i].Err = err
			continue
		}
		ids, places = append(ids, id), append(places, i)
		if !dry {
			entries = append(entries, audit.Entry{Action: action, InfoHash: id.String(), Reason: why.Reason, Reference: why.Reference, Erase: why.Erase})
		}
	}
	err := s.auditedAll(ctx, entries, func() []error {
		errs := make([]error, len(ids))
		for i, r := range change(ids) {
			if r.Err != nil {
				r.Err = storeError(r.Err, ids[i])
			}
			errs[i], results[places[i]] = r.Err, r
		}
		return errs
	})
	return results, err
}

// wouldRemove says what Remove would.
func (s *Server) wouldRemove(ctx context.Context, ids []infohash.ID) []store.Removed {
	cached, err := s.store.Has(ctx, ids)
	if err != nil {
		return store.FailAll(len(ids), err)
	}
	results := make([]store.Removed, len(ids))
	for i := range results {
		results[i].Held = cached[i].Found()
	}
	return results
}

// errHeld ends the read of a torrent that is only to be looked up.
var errHeld = errors.New("the torrent is held")

// wouldRestore says what Restore would, but for whether the torrents are held.
func (s *Server) wouldRestore(ctx context.Context, ids []infohash.ID) []store.Removed {
	results := make([]store.Removed, len(ids))
	var looking sync.WaitGroup
	places := make(chan struct{}, lookupsAtOnce)
	for i, id := range ids {
		places <- struct{}{}
		looking.Go(func() {
			defer func() { <-places }()
			_, err := s.store.Get(ctx, id, func(int) ([]byte, error) { return nil, errHeld })
			switch {
			case errors.Is(err, store.ErrRemoved):
				err = nil
			case err == nil, errors.Is(err, errHeld), errors.Is(err, store.ErrDamaged):
				err = store.ErrNotFound
			}
			results[i].Err = err
		})
	}
	looking.Wait()
	return results
}

func (s *Server) tellRemovals(ctx context.Context, method string, results []store.Removed) {
	errs := make([]error, len(results))
	for i, r := range results {
		errs[i] = r.Err
	}
	s.tellItems(ctx, method, errs)
}
