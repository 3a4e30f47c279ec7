package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// maxReads is the maximum number of info hashes in one ReadTorrents.
	maxReads = 1000

	// takeTime is how long a caller may take to read an answer before its stream ends.
	takeTime = time.Minute

	// slowestTake is the minimum rate at which a caller must take a torrent, in bytes a second.
	// The time per answer comes on top.
	slowestTake = 16 << 10
)

// ReadTorrents implements SyncService. It holds in memory one torrent and those that the transport
// has not sent yet. While the caller does not read, it loads no more.
func (s *Server) ReadTorrents(req *torrentcachev1.ReadTorrentsRequest, stream grpc.ServerStreamingServer[torrentcachev1.ReadTorrentsResponse]) error {
	if n := len(req.GetInfoHashes()); n > maxReads {
		return reason.New(reason.RequestInvalid, "%d info hashes, at most %d go into one call", n, maxReads).On("info_hashes")
	}
	ctx := store.Copying(stream.Context())
	for _, hash := range req.GetInfoHashes() {
		if err := ctx.Err(); err != nil {
			return err
		}
		reserved := s.Limits.Reservation(rpc.Caller(ctx), limit.Answering, rpc.ConnOf(ctx))
		answer := s.readOne(ctx, hash, reserved.Alloc(ctx))
		if failed := answer.GetError(); failed != nil {
			s.OnItemError(torrentcachev1.SyncService_ReadTorrents_FullMethodName, reason.Reason(failed.GetReason()))
		}
		end := time.Now().Add(takeTime + time.Duration(len(answer.GetTorrent())/slowestTake)*time.Second)
		if err := send(stream, held(ctx, answer, reserved), func() error { return inTime(end) }); err != nil {
			return err
		}
	}
	return nil
}

// inTime returns OVERLOADED after end.
func inTime(end time.Time) error {
	if time.Now().After(end) {
		return reason.New(reason.Overloaded, "no answer was taken for a minute; go on after the last one")
	}
	return nil
}

// held returns answer with the memory of reserved, which is given back when the transport has
// released the message. In process nothing is sent: the caller has the memory.
func held(ctx context.Context, answer *torrentcachev1.ReadTorrentsResponse, reserved *limit.Reservation) any {
	if rpc.FromDoor(ctx) {
		reserved.Release()
		return answer
	}
	return wire.Held{Message: answer, Free: reserved.Lend()}
}

// readOne returns the answer about one info hash.
func (s *Server) readOne(ctx context.Context, hash string, alloc store.Alloc) *torrentcachev1.ReadTorrentsResponse {
	answer := &torrentcachev1.ReadTorrentsResponse{InfoHash: hash}
	id, err := api.ParseHash("info_hashes", hash)
	if err != nil {
		answer.Error = rpc.ItemError(err)
		return answer
	}
	torrent, err := s.visible(id, func() (store.Torrent, error) { return s.Store.Get(ctx, id, alloc) })
	if removed, ok := errors.AsType[*store.RemovedError](err); ok {
		if answer.Removal, err = s.Removals.Notice(ctx, removed.Removal); err == nil {
			return answer
		}
	}
	if err != nil {
		answer.Error = rpc.ItemError(api.TorrentError(err, id, s.Contact).OnRead())
		return answer
	}
	answer.Torrent, answer.Rank = torrent.Bytes, int32(torrent.Rank)
	answer.InfoHashV1, answer.InfoHashV2 = torrent.IDs.V1.String(), torrent.IDs.V2.String()
	answer.UpdateTime = timestamppb.New(torrent.Stored)
	return answer
}
