package server

import (
	"context"
	"encoding/hex"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/store"
)

// Cache keeps torrents in memory. It is safe for concurrent use.
type Cache interface {
	// Through returns the torrent that has id: the one in the cache, or the result of
	// load, which it may call for other callers as well. The Hold of ctx has the memory.
	Through(ctx context.Context, id infohash.ID, load func(room func(n int) ([]byte, error)) (*torrentcachev1.GetTorrentResponse, error)) (*torrentcachev1.GetTorrentResponse, error)
}

// GetTorrent implements CacheService.
func (s *cacheService) GetTorrent(ctx context.Context, req *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	id, err := parseHash("info_hash", req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	uncounted := origin.IsUncounted(ctx)
	load := func(room func(n int) ([]byte, error)) (*torrentcachev1.GetTorrentResponse, error) {
		torrent, err := s.stored(ctx, id, room)
		if err != nil {
			return nil, err
		}
		if !uncounted {
			s.noteRead(torrent.IDs)
		}
		return answerOf(torrent), nil
	}
	return orFetched(ctx, s.Server, id, func() (*torrentcachev1.GetTorrentResponse, error) {
		if s.cache == nil || uncounted { // what the cache keeps the store hears nothing of for a while
			return load(limit.HoldOf(ctx).Room(ctx))
		}
		return s.cache.Through(ctx, id, load)
	})
}

// answerOf returns what GetTorrent answers with torrent.
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
	id, err := parseHash("info_hash", hash)
	if err != nil {
		return store.Torrent{}, err
	}
	return orFetched(ctx, s, id, func() (store.Torrent, error) {
		return s.stored(ctx, id, limit.HoldOf(ctx).Room(ctx))
	})
}
