package server

import (
	"context"
	"errors"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/store"
)

// ReadRecord implements AdminService.
func (s *adminService) ReadRecord(ctx context.Context, req *torrentcachev1.ReadRecordRequest) (*torrentcachev1.ReadRecordResponse, error) {
	id, err := parseHash("info_hash", req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	torrent, err := s.store.Get(ctx, id, nil)
	if removed, ok := errors.AsType[*store.RemovedError](err); ok {
		return &torrentcachev1.ReadRecordResponse{Removal: &torrentcachev1.TorrentRemoval{
			Reason:      removed.Removal.Reason,
			Reference:   removed.Removal.Reference,
			RemovalTime: timestamppb.New(removed.Removal.Time),
		}}, nil
	}
	if err != nil {
		return nil, s.torrentError(err, id).OnRead()
	}
	return &torrentcachev1.ReadRecordResponse{
		Torrent:    torrent.Bytes,
		InfoHashV1: torrent.IDs.V1.String(),
		InfoHashV2: torrent.IDs.V2.String(),
		UpdateTime: timestamppb.New(torrent.Stored),
		Rank:       int32(torrent.Rank),
	}, nil
}
