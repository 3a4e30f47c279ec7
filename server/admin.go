package server

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// RemoveTorrent implements AdminService. Whether the torrent was cached is
// looked up just before, so an upload at the same moment may go unnoticed.
func (s *adminService) RemoveTorrent(ctx context.Context, req *torrentcachev1.RemoveTorrentRequest) (*torrentcachev1.RemoveTorrentResponse, error) {
	id, err := parseHash(req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	removal := store.Removal{Reason: req.GetReason(), Reference: req.GetReference(), Erase: req.GetErase()}
	if err := removal.Validate(); err != nil {
		return nil, reason.New(reason.RequestInvalid, "%s", err)
	}
	cached, err := s.has(ctx, id)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "remove", InfoHash: id.String(), Reason: removal.Reason, Reference: removal.Reference, Erase: removal.Erase}
	err = s.audited(ctx, entry, func() error {
		if err := s.store.Remove(ctx, id, removal); err != nil {
			return storeError(err, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.RemoveTorrentResponse{WasCached: cached}, nil
}

// RestoreTorrent implements AdminService.
func (s *adminService) RestoreTorrent(ctx context.Context, req *torrentcachev1.RestoreTorrentRequest) (*torrentcachev1.RestoreTorrentResponse, error) {
	id, err := parseHash(req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	if err := (store.Removal{Reason: req.GetReason(), Reference: req.GetReference()}).Validate(); err != nil {
		return nil, reason.New(reason.RequestInvalid, "%s", err)
	}
	err = s.audited(ctx, audit.Entry{Action: "restore", InfoHash: id.String(), Reason: req.GetReason(), Reference: req.GetReference()}, func() error {
		err := s.store.Restore(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return reason.New(reason.TorrentNotFound, "%s is not removed", id)
		}
		if err != nil {
			return storeError(err, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	cached, err := s.has(ctx, id)
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.RestoreTorrentResponse{Cached: cached}, nil
}

// GetStats implements AdminService.
func (s *adminService) GetStats(ctx context.Context, _ *torrentcachev1.GetStatsRequest) (*torrentcachev1.GetStatsResponse, error) {
	stats, err := s.store.Stats(ctx)
	if err != nil {
		return nil, storeError(err, infohash.ID{})
	}
	return &torrentcachev1.GetStatsResponse{
		TorrentCount: stats.Torrents,
		RemovedCount: stats.Removed,
		TorrentBytes: stats.Bytes,
		DiskBytes:    stats.DiskUsed,
		StartTime:    timestamppb.New(s.started),
		Version:      s.version,

		MissingSegments: missingSegments(s.maintenance),
	}, nil
}

// Drain implements AdminService.
func (s *adminService) Drain(ctx context.Context, _ *torrentcachev1.DrainRequest) (*torrentcachev1.DrainResponse, error) {
	if s.onDrain == nil {
		return nil, unimplemented("Drain")
	}
	err := s.audited(ctx, audit.Entry{Action: "drain"}, func() error {
		s.onDrain()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.DrainResponse{}, nil
}

func (s *Server) has(ctx context.Context, id infohash.ID) (bool, error) {
	cached, err := s.store.Has(ctx, []infohash.ID{id})
	if err != nil {
		return false, storeError(err, id)
	}
	return cached[0], nil
}
