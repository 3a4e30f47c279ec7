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

// RemoveTorrent implements AdminService.
func (s *adminService) RemoveTorrent(ctx context.Context, req *torrentcachev1.RemoveTorrentRequest) (*torrentcachev1.RemoveTorrentResponse, error) {
	id, err := parseHash("info_hash", req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	removal := store.Removal{Reason: req.GetReason(), Reference: req.GetReference(), Erase: req.GetErase()}
	if err := removal.Validate(); err != nil {
		return nil, reason.New(reason.RequestInvalid, "%s", err)
	}
	var removed store.Removed
	entry := audit.Entry{Action: "remove", InfoHash: id.String(), Reason: removal.Reason, Reference: removal.Reference, Erase: removal.Erase}
	err = s.audited(ctx, entry, func() error {
		if removed = s.store.Remove(ctx, []infohash.ID{id}, removal)[0]; removed.Err != nil {
			return storeError(removed.Err, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.RemoveTorrentResponse{WasCached: removed.Held}, nil
}

// RestoreTorrent implements AdminService.
func (s *adminService) RestoreTorrent(ctx context.Context, req *torrentcachev1.RestoreTorrentRequest) (*torrentcachev1.RestoreTorrentResponse, error) {
	id, err := parseHash("info_hash", req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	if err := (store.Removal{Reason: req.GetReason(), Reference: req.GetReference()}).Validate(); err != nil {
		return nil, reason.New(reason.RequestInvalid, "%s", err)
	}
	var restored store.Removed
	err = s.audited(ctx, audit.Entry{Action: "restore", InfoHash: id.String(), Reason: req.GetReason(), Reference: req.GetReference()}, func() error {
		restored = s.store.Restore(ctx, []infohash.ID{id})[0]
		if errors.Is(restored.Err, store.ErrNotFound) {
			return reason.New(reason.TorrentNotFound, "%s is not removed", id)
		}
		if restored.Err != nil {
			return storeError(restored.Err, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.RestoreTorrentResponse{Cached: restored.Held}, nil
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
