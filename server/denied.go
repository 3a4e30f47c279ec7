package server

import (
	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// FindDeniedTorrents implements AdminService. The feed has every torrent that was ever
// stored, with all its ids.
func (s *adminService) FindDeniedTorrents(_ *torrentcachev1.FindDeniedTorrentsRequest, stream grpc.ServerStreamingServer[torrentcachev1.FindDeniedTorrentsResponse]) error {
	if s.deny.Stats().Entries == 0 {
		return reason.New(reason.RequestInvalid, "this server has no deny list, or nothing is in it: start it with --deny-list")
	}
	ctx, told := stream.Context(), map[infohash.ID]bool{}
	var cursor store.Cursor
	for {
		changes, next, err := s.store.Changes(ctx, cursor, watchBatch)
		if err != nil {
			return storeError(err, infohash.ID{})
		}
		if next == cursor {
			return nil
		}
		cursor = next
		ids, lines := s.deniedOf(changes, told)
		held, err := s.store.Has(ctx, ids)
		if err != nil {
			return storeError(err, infohash.ID{})
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
}

// deniedOf returns the torrents among changes that deny lists name, and by which lines,
// but for those told before.
func (s *Server) deniedOf(changes []store.Change, told map[infohash.ID]bool) (ids []infohash.ID, lines []deny.Line) {
	for _, change := range changes {
		id := change.IDs.Primary()
		if line, ok := s.deny.Find(change.IDs.All()...); ok && !told[id] {
			told[id] = true
			ids, lines = append(ids, id), append(lines, line)
		}
	}
	return ids, lines
}
