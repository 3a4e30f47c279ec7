package server

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/audit"
)

// GetStats implements AdminService.
func (s *adminService) GetStats(ctx context.Context, req *torrentcachev1.GetStatsRequest) (*torrentcachev1.GetStatsResponse, error) {
	stats, err := s.store.Stats(ctx)
	if err != nil {
		return nil, storeError(err, infohash.ID{})
	}
	unread, err := s.unreadStats(ctx, req.GetUnreadSeconds())
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.GetStatsResponse{
		TorrentCount: stats.Torrents,
		RemovedCount: stats.Removed,
		TorrentBytes: stats.Bytes,
		DiskBytes:    stats.DiskUsed,
		StartTime:    timestamppb.New(s.started),
		Version:      s.version,

		MissingSegments: missingSegments(s.maintenance),
		Upstreams:       s.upstreamStats(),
		Mirrors:         s.mirrorStats(),
		Unread:          unread,
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
