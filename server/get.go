package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
)

// Cache keeps torrents in memory. It is safe for concurrent use.
type Cache interface {
	// Through returns the torrent that has id: the one in the cache, or the result of load, which
	// it may also give to other callers. The Reservation of ctx counts the memory.
	Through(ctx context.Context, id infohash.ID, load func(alloc func(n int) ([]byte, error)) (*torrentcachev1.GetTorrentResponse, error)) (*torrentcachev1.GetTorrentResponse, error)
}

// GetTorrent implements CacheService.
func (s *Server) GetTorrent(ctx context.Context, req *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	id, err := api.ParseHash("info_hash", req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	uncounted := origin.IsUncounted(ctx)
	load := func(alloc func(n int) ([]byte, error)) (*torrentcachev1.GetTorrentResponse, error) {
		torrent, err := s.stored(ctx, id, alloc)
		if err != nil {
			return nil, err
		}
		if !uncounted {
			s.OnRead(torrent.IDs)
		}
		return answerOf(torrent), nil
	}
	return orFetched(ctx, s, id, func() (*torrentcachev1.GetTorrentResponse, error) {
		if s.Cache == nil || uncounted { // a kept entry would hide the next counted read from the store
			return load(limit.ReservationOf(ctx).Alloc(ctx))
		}
		return s.Cache.Through(ctx, id, load)
	})
}

// answerOf returns the answer of GetTorrent that contains torrent.
func answerOf(torrent store.Torrent) *torrentcachev1.GetTorrentResponse {
	return &torrentcachev1.GetTorrentResponse{
		Torrent:    torrent.Bytes,
		InfoHash:   torrent.IDs.Primary().String(),
		InfoHashV1: torrent.IDs.V1.String(),
		InfoHashV2: torrent.IDs.V2.String(),
		UpdateTime: timestamppb.New(torrent.Stored),
		Etag:       hex.EncodeToString(torrent.Version[:]),
		Stale:      torrent.Stale,
	}
}

// fetch returns the stored torrent that hash names, in any of its forms.
func (s *Server) fetch(ctx context.Context, hash string) (store.Torrent, error) {
	id, err := api.ParseHash("info_hash", hash)
	if err != nil {
		return store.Torrent{}, err
	}
	return orFetched(ctx, s, id, func() (store.Torrent, error) {
		return s.stored(ctx, id, limit.ReservationOf(ctx).Alloc(ctx))
	})
}

// Reader is GetTorrent without a channel, for a door in the same process that has a torrent's id
// and memory to read it into. It copies nothing. It is safe for concurrent use.
type Reader struct {
	server *Server
	chain  rpc.Chain
	info   *grpc.UnaryServerInfo
}

// Reader returns the Reader of s, whose calls go through chain.
func (s *Server) Reader(chain rpc.Chain) *Reader {
	return &Reader{server: s, chain: chain, info: &grpc.UnaryServerInfo{Server: s, FullMethod: torrentcachev1.CacheService_GetTorrent_FullMethodName}}
}

// ReadTorrent answers as GetTorrent does, with the same errors, from the store alone. The
// torrent's bytes may lie in memory that alloc returns; if alloc is nil, the store
// allocates. Nobody may change the bytes while they are in use. An error of alloc is an internal
// error, unless it wraps one of a store.
func (r *Reader) ReadTorrent(ctx context.Context, id infohash.ID, alloc func(n int) ([]byte, error)) (*torrentcachev1.GetTorrentResponse, error) {
	answer, err := r.chain.Unary(ctx, nil, r.info, func(ctx context.Context, _ any) (any, error) {
		torrent, err := r.server.stored(ctx, id, alloc)
		if err != nil {
			return nil, err
		}
		r.server.OnRead(torrent.IDs)
		return answerOf(torrent), nil
	})
	if err != nil {
		return nil, err
	}
	return answer.(*torrentcachev1.GetTorrentResponse), nil
}

// stored returns the torrent that has id, or an error of a reading call.
func (s *Server) stored(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	torrent, err := s.visible(id, func() (store.Torrent, error) { return s.getWhole(ctx, id, alloc) })
	if err != nil {
		return store.Torrent{}, s.mayBeWanted(s.absent(id, api.TorrentError(err, id, s.Contact).OnRead()))
	}
	return torrent, nil
}

// visible returns the result of get for id, unless the deny lists name the torrent by any of its
// ids.
func (s *Server) visible(id infohash.ID, get func() (store.Torrent, error)) (store.Torrent, error) {
	if s.Deny.Denies(id) {
		return store.Torrent{}, reason.Hidden(id.String(), s.Contact)
	}
	torrent, err := get()
	if err == nil && s.Deny.Denies(torrent.IDs.All()...) {
		return store.Torrent{}, reason.Hidden(id.String(), s.Contact)
	}
	return torrent, err
}

// getWhole is the store's Get for a reader. It first tries to repair a torrent that is damaged or
// cannot be read.
func (s *Server) getWhole(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	torrent, err := s.Store.Get(ctx, id, alloc)
	lost := errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrUnavailable)
	if !lost || s.Repair == nil || ctx.Err() != nil || !s.Repair(ctx, id) {
		return torrent, err
	}
	return s.Store.Get(ctx, id, alloc)
}

// maxFind is the maximum number of info hashes in one FindMissingTorrents.
const maxFind = 10_000

// FindMissingTorrents implements CacheService.
func (s *Server) FindMissingTorrents(ctx context.Context, req *torrentcachev1.FindMissingTorrentsRequest) (*torrentcachev1.FindMissingTorrentsResponse, error) {
	hashes := req.GetInfoHashes()
	if len(hashes) > maxFind {
		return nil, reason.New(reason.RequestInvalid, "%d info hashes, at most %d go into one call", len(hashes), maxFind).On("info_hashes")
	}
	ids := make([]infohash.ID, len(hashes))
	for i, hash := range hashes {
		id, err := api.ParseHash("info_hashes", hash)
		if err != nil {
			return nil, reason.Of(err).On(fmt.Sprintf("info_hashes[%d]", i))
		}
		ids[i] = id
	}
	cached, err := s.Store.Has(ctx, ids)
	if err != nil {
		return nil, api.Error(err)
	}
	var none store.Rank // the highest that counts as missing
	if req.GetIncludeFetched() {
		none = store.RankFetched
	}
	var missing []string
	for i, hash := range hashes {
		if cached[i].Rank <= none || s.Deny.Denies(cached[i].IDs.All()...) {
			missing = append(missing, hash)
		}
	}
	return &torrentcachev1.FindMissingTorrentsResponse{MissingInfoHashes: missing}, nil
}
