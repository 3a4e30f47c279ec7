package server

import (
	"context"
	"encoding/hex"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/store"
)

// GetTorrent implements CacheService.
func (s *cacheService) GetTorrent(ctx context.Context, req *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	torrent, err := s.fetch(ctx, req.GetInfoHash())
	if err != nil {
		return nil, err
	}
	return answerOf(torrent), nil
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
	id, err := parseHash(hash)
	if err != nil {
		return store.Torrent{}, err
	}
	return s.stored(ctx, id, nil)
}
