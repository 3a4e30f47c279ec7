package admin

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/store"
)

// ReadRecord implements AdminService.
func (s *Service) ReadRecord(ctx context.Context, req *torrentcachev1.ReadRecordRequest) (*torrentcachev1.ReadRecordResponse, error) {
	id, err := api.ParseHash("info_hash", req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	torrent, err := s.server.Store.Get(ctx, id, nil)
	if removed, ok := errors.AsType[*store.RemovedError](err); ok {
		return &torrentcachev1.ReadRecordResponse{Removal: &torrentcachev1.TorrentRemoval{
			Reason:      removed.Removal.Reason,
			Reference:   removed.Removal.Reference,
			RemovalTime: timestamppb.New(removed.Removal.Time),
		}}, nil
	}
	if err != nil {
		return nil, api.TorrentError(err, id, s.server.Contact).OnRead()
	}
	return &torrentcachev1.ReadRecordResponse{
		Torrent:    torrent.Bytes,
		InfoHashV1: torrent.IDs.V1.String(),
		InfoHashV2: torrent.IDs.V2.String(),
		UpdateTime: timestamppb.New(torrent.Stored),
		Rank:       int32(torrent.Rank),
	}, nil
}

// FindDeniedTorrents implements AdminService. It reads the feed, which has every torrent that was
// ever stored, with all its ids.
func (s *Service) FindDeniedTorrents(_ *torrentcachev1.FindDeniedTorrentsRequest, stream grpc.ServerStreamingServer[torrentcachev1.FindDeniedTorrentsResponse]) error {
	if s.server.Deny.Stats().Entries == 0 {
		return reason.New(reason.RequestInvalid, "this server has no deny list, or an empty one: start it with --deny-list")
	}
	ctx, told := stream.Context(), map[infohash.ID]bool{}
	for changes, err := range api.Feed(ctx, s.server.Store) {
		if err != nil {
			return err
		}
		ids, lines := s.deniedOf(changes, told)
		held, err := s.server.Store.Has(ctx, ids)
		if err != nil {
			return api.Error(err)
		}
		answer := &torrentcachev1.FindDeniedTorrentsResponse{}
		for i, id := range ids {
			if held[i].Found() {
				answer.Torrents = append(answer.Torrents, &torrentcachev1.DeniedTorrent{InfoHash: id.String(), File: lines[i].File, Line: int64(lines[i].Number)})
			}
		}
		if len(answer.GetTorrents()) == 0 {
			continue
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
	return nil
}

// deniedOf returns the torrents among changes that deny lists name, and the lines that name them,
// without those in told, to which it adds them.
func (s *Service) deniedOf(changes []store.Change, told map[infohash.ID]bool) (ids []infohash.ID, lines []deny.Line) {
	for _, change := range changes {
		id := change.IDs.Primary()
		if line, ok := s.server.Deny.Find(change.IDs.All()...); ok && !told[id] {
			told[id] = true
			ids, lines = append(ids, id), append(lines, line)
		}
	}
	return ids, lines
}
