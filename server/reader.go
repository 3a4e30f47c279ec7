package server

import (
	"context"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// Reader is GetTorrent without a channel, for a door in the same process that has
// a torrent's id and memory to read it into: nothing is copied. It is safe for
// concurrent use.
type Reader struct {
	server *Server
	chain  Chain
	info   *grpc.UnaryServerInfo
}

// Reader returns the Reader of s, whose calls go through chain.
func (s *Server) Reader(chain Chain) *Reader {
	return &Reader{server: s, chain: chain, info: &grpc.UnaryServerInfo{Server: s, FullMethod: torrentcachev1.CacheService_GetTorrent_FullMethodName}}
}

// ReadTorrent answers as GetTorrent does, with the same errors, from the store alone. The
// torrent's bytes may lie in memory that room gave, which is a [store.Room]; with nil the store
// allocates. Nobody may change them as long as they are in use. An error of room is an internal
// one, unless it wraps one of a store.
func (r *Reader) ReadTorrent(ctx context.Context, id infohash.ID, room func(n int) ([]byte, error)) (*torrentcachev1.GetTorrentResponse, error) {
	answer, err := r.chain.Unary(ctx, nil, r.info, func(ctx context.Context, _ any) (any, error) {
		torrent, err := r.server.stored(ctx, id, room)
		if err != nil {
			return nil, err
		}
		r.server.noteRead(torrent.IDs)
		return answerOf(torrent), nil
	})
	if err != nil {
		return nil, err
	}
	return answer.(*torrentcachev1.GetTorrentResponse), nil
}

// stored returns the torrent that has id, with the errors of a reading call. What the
// deny lists name is hidden, by whatever id it is asked for.
func (s *Server) stored(ctx context.Context, id infohash.ID, room store.Room) (store.Torrent, error) {
	if s.deny.Denies(id) {
		return store.Torrent{}, reason.Hidden(id.String(), s.contact)
	}
	torrent, err := s.getWhole(ctx, id, room)
	if err != nil {
		return store.Torrent{}, s.mayBeWanted(s.absent(id, s.torrentError(err, id).OnRead()))
	}
	if s.deny.Denies(torrent.IDs.All()...) {
		return store.Torrent{}, reason.Hidden(id.String(), s.contact)
	}
	return torrent, nil
}
