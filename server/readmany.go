package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// maxReads is the most info hashes that one ReadTorrents takes.
	maxReads = 1000

	// slowestTake is how many bytes a second of a torrent a caller must take at least, beside
	// the time that it has for each answer.
	slowestTake = 16 << 10
)

// ReadTorrents implements SyncService. One torrent at a time is in memory, and those that the
// transport has not sent yet: it takes no more while the caller does not read.
func (s *syncService) ReadTorrents(req *torrentcachev1.ReadTorrentsRequest, stream grpc.ServerStreamingServer[torrentcachev1.ReadTorrentsResponse]) error {
	if n := len(req.GetInfoHashes()); n > maxReads {
		return reason.New(reason.RequestInvalid, "%d info hashes, at most %d go into one call", n, maxReads).On("info_hashes")
	}
	ctx := store.Copying(stream.Context())
	for _, hash := range req.GetInfoHashes() {
		if err := ctx.Err(); err != nil {
			return err
		}
		hold := s.limits.Hold(caller(ctx), limit.Answering, connOf(ctx))
		answer := s.readOne(ctx, hash, hold.Room(ctx))
		if failed := answer.GetError(); failed != nil {
			s.onItemError(torrentcachev1.SyncService_ReadTorrents_FullMethodName, reason.Reason(failed.GetReason()))
		}
		within := takeTime + time.Duration(len(answer.GetTorrent())/slowestTake)*time.Second
		if err := sendInTime(stream, held(ctx, answer, hold), within); err != nil {
			return err
		}
	}
	return nil
}

// held returns answer with the memory of hold, which is given back when the transport has let
// go of it. In process nothing is sent: the caller has it.
func held(ctx context.Context, answer *torrentcachev1.ReadTorrentsResponse, hold *limit.Hold) any {
	if fromDoor(ctx) {
		hold.Release()
		return answer
	}
	return wire.Held{Message: answer, Free: hold.Lend()}
}

// readOne returns what the store has under an info hash.
func (s *Server) readOne(ctx context.Context, hash string, room store.Room) *torrentcachev1.ReadTorrentsResponse {
	answer := &torrentcachev1.ReadTorrentsResponse{InfoHash: hash}
	torrent, err := s.unlessDenied(ctx, hash, room)
	if removed, ok := errors.AsType[*store.RemovedError](err); ok {
		answer.Removal, err = s.notice(ctx, removed.Removal)
		if err == nil {
			return answer
		}
		err = storeError(err, infohash.ID{})
	}
	if err != nil {
		answer.Error = itemError(err)
		return answer
	}
	answer.Torrent, answer.Rank = torrent.Bytes, int32(torrent.Rank)
	answer.InfoHashV1, answer.InfoHashV2 = torrent.IDs.V1.String(), torrent.IDs.V2.String()
	answer.UpdateTime = timestamppb.New(torrent.Stored)
	return answer
}

// unlessDenied returns the stored torrent that hash names. A removal is the store's error, all
// others are those of the API.
func (s *Server) unlessDenied(ctx context.Context, hash string, room store.Room) (store.Torrent, error) {
	id, err := parseHash("info_hashes", hash)
	if err != nil {
		return store.Torrent{}, err
	}
	if s.deny.Denies(id) {
		return store.Torrent{}, reason.Hidden(id.String(), s.contact)
	}
	torrent, err := s.store.Get(ctx, id, room)
	switch {
	case errors.Is(err, store.ErrRemoved):
		return store.Torrent{}, err
	case err != nil:
		return store.Torrent{}, s.torrentError(err, id).OnRead()
	case s.deny.Denies(torrent.IDs.All()...):
		return store.Torrent{}, reason.Hidden(id.String(), s.contact)
	}
	return torrent, nil
}
